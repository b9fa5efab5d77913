/// What the usual tools do.
extension Workload {
    /// A tree of real files, with links of both kinds, odd modes and times.
    private static let makeTree = """
        mkdir tree; cp -a /usr/include/linux/netfilter* tree/ 2>/dev/null || true
        cp -a /usr/include/arpa tree/; ln -s arpa/ftp.h tree/symlink; ln -s missing tree/dangling
        mkdir tree/links; for i in 1 2 3; do echo "file $i" > tree/links/$i; done
        for i in 1 2 3; do ln tree/links/$i tree/links/also-$i; done
        head -c 300000 /dev/zero | tr '\\0' x > tree/large; truncate -s 5000000 tree/sparse
        echo tail >> tree/sparse; chmod 0640 tree/large; chmod 1777 tree/links
        chown 12:34 tree/links/1; touch -d @981173106.5 tree/links/2; touch -d @100.25 tree/links
        mkfifo tree/fifo
        # rsync compares some times by the second only, so these are not of now.
        touch -h -d @99.75 tree/symlink tree/dangling tree/fifo
        """
    private static let show = """
        show() {
            (cd "$1"; find . -mindepth 1 -printf '%P %y %m %U:%G %n %T@ %l\\n' | sort |
                awk '$2 == "d" { $5 = "-" } { print }'
            find . -type f -print0 | sort -z | xargs -0r sha256sum)
        }
        """
    /// Directories' times differ by when they were filled; the tools set them when told to.
    private static let prepare = makeTree + "\n" + show + "\nshow tree > /dev/null\n"

    static let tools: [Workload] = [
        Workload(
            "cp -a copies everything",
            prepare + """
                cp -a tree copy
                diff -r --no-dereference tree copy 2>&1 | grep -v 'is a fifo' || true
                show tree > 1; show copy > 2; cmp 1 2; wc -l < 1
                """
        ),
        Workload(
            "the second rsync transfers nothing",
            prepare + """
                rsync -aH tree/ copy/; echo "second: $(rsync -aiH tree/ copy/)"
                show tree > 1; show copy > 2; cmp 1 2
                echo new >> tree/links/3; touch -d @5000 tree/links/3; rsync -aiH tree/ copy/ | sort
                rsync -aiHc tree/ copy/
                """
        ),
        Workload(
            "tar brings back what it took",
            prepare + """
                tar --format=posix -cf t.tar tree; mkdir out; tar -xpf t.tar -C out; show tree > 1
                show out/tree > 2
                cmp 1 2; tar -df t.tar; tar -cSf s.tar tree/sparse; mkdir out2
                tar -xSf s.tar -C out2
                cmp tree/sparse out2/tree/sparse && echo same
                """
        ),
        Workload(
            "mv, ln, find and rm -rf",
            prepare + """
                mkdir a; mv tree a/moved; mv a/moved/links/1 renamed; ln renamed again
                ln -sf renamed a/sym; mv -T a b; find b -type l | sort; find b -name 'also*' | sort
                find . -samefile renamed | sort; stat -c '%h %s' renamed
                mkdir -p deep/$(seq -s / 1 60); find deep | wc -l; rm -rf deep b; ls | sort
                """
        ),
        Workload(
            "git keeps a history",
            """
            export GIT_CONFIG_GLOBAL=/dev/null HOME=/nowhere
            git init -q -b main one; cd one; git config user.email a@b; git config user.name n
            for i in $(seq 1 40); do mkdir -p d$((i % 5)); seq 1 $((i * 50)) > d$((i % 5))/$i; done
            git add -A; git commit -qm first; seq 1 9999 > d1/1; git commit -qam second
            git status --porcelain; git gc -q
            git fsck --full --strict 2>&1 | grep -v '^notice' || true
            cd ..; git clone -q one two; cd two; git log --format=%s; git status --porcelain
            git checkout -q HEAD~1
            find . -path ./.git -prune -o -type f -print | sort | xargs cat | sha256sum
            """
        ),
        Workload(
            "sqlite3 keeps its journals",
            """
            for mode in delete wal truncate persist; do
            sqlite3 $mode.db "pragma journal_mode=$mode; create table t(a integer primary key, b);
                begin; with recursive n(i) as (select 1 union all select i+1 from n where i < 3000)
                insert into t select i, hex(randomblob(20)) from n; commit;
                update t set b = 'x' || a where a % 3 = 0; delete from t where a % 7 = 0;
                vacuum; pragma integrity_check; select count(*), sum(a) from t;"
            sqlite3 $mode.db "select count(*) from t where b like 'x%'; pragma integrity_check;"
            done
            """
        ),
        Workload(
            "a compiler makes a program",
            """
            command -v gcc > /dev/null || { echo hello 42; exit; }
            printf '%s\\n' '#include <stdio.h>' '#include "h.h"' > m.c
            echo 'int main() { printf("hello %d", N); }' >> m.c
            echo '#define N 42' > h.h; gcc -c m.c -o m.o; gcc m.o -o m; ./m
            """
        ),
        Workload(
            "an editor saves at once",
            """
            echo one > file; chmod 640 file
            for i in $(seq 1 30); do
                cp -p file .file.swp; echo "line $i" >> .file.swp; sync .file.swp
                mv .file.swp file; sync .; ln -f file file~
            done
            cat file | sha256sum; stat -c '%a %h' file; ls -A | sort
            """
        ),
        Workload(
            "text tools in a pipe",
            """
            seq 1 20000 > n; sort -R n | sort -n | cmp - n; split -l 1000 n part.
            cat part.* | cmp - n
            gzip -k n; zcat n.gz | cmp - n; dd if=n of=d bs=3001 status=none; cmp n d
            dd if=n of=d2 bs=64k oflag=append conv=notrunc status=none; cmp n d2; tail -c 7 n
            sed -i s/7/seven/ n; grep -c seven n; shred -u -n 1 d; ls | wc -l
            """
        ),
        Workload(
            "all kinds of files",
            """
            mkfifo -m 0604 fifo; mknod -m 0666 null c 1 3; mknod -m 0600 loop b 7 0
            python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
            stat -c '%n %F %a %t:%T' fifo null loop; stat -c %F sock
            echo gone > null; wc -c < null
            (echo through > fifo) & cat fifo; wait
            """
        ),
    ]
}
