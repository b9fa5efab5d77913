internal import Foundation
internal import TestSupport
internal import Testing

/// A network, a home for volumes and a mountpoint, in a folder of their own.
struct Fixture {
    let scratch: Scratch
    let mountpoint: String
    let network: String
    let environment: [String: String]

    /// Real mounts need the kernel's door; without it the suite is skipped, and says so.
    static var canMount: Bool { FileManager.default.fileExists(atPath: "/dev/fuse") }

    init(_ scratch: Scratch, environment more: [String: String] = [:]) throws {
        self.scratch = scratch
        mountpoint = try scratch.folder("mnt")
        network = scratch.path + "/network"
        environment = ["WALRUSFS_HOME": try scratch.folder("home")].merging(more) { $1 }
    }

    var networkURL: String { "embedded:\(network)?nodes=10" }

    @discardableResult
    func walrusfs(_ arguments: String...) throws -> String {
        try Tool.succeed("walrusfs", arguments, environment: environment)
    }

    @discardableResult
    func walrus(_ arguments: String...) throws -> String {
        try Tool.succeed("walrus", arguments, environment: environment)
    }

    /// Runs a command that must fail, and returns what it did.
    func failing(_ program: String, _ arguments: String...) throws -> ToolResult {
        let result = try Tool.run(program, arguments, environment: environment)
        #expect(result.status != 0, "\(result)")
        return result
    }

    /// The pid of the process that serves the mount.
    func mountPID() throws -> Int32 {
        struct Status: Decodable { let pid: Int32 }
        let text = try walrusfs("status", mountpoint, "--json")
        return try JSONDecoder().decode(Status.self, from: Data(text.utf8)).pid
    }

    /// A tree of real files: the system's own documentation and headers, with links of both kinds.
    func makeTree() throws -> String {
        let tree = try scratch.folder("tree")
        try Tool.script(
            """
            cp -a /usr/include . 2>/dev/null || true
            cp -a /usr/share/perl5 . 2>/dev/null || true
            find . -type f | sort | tail -n +2501 | tr '\\n' '\\0' | xargs -0r rm -f
            ln -s include/stdio.h symlink; ln -s missing dangling
            mkdir links
            for i in 1 2 3; do echo "file $i" > links/$i; ln links/$i links/also-$i; done
            head -c 3000000 /dev/urandom > random.bin
            truncate -s 5000000 sparse.bin; echo tail >> sparse.bin
            chmod 0640 random.bin; chmod 1777 links
            chown 12:34 links/1; touch -d @981173106.5 links/2
            # rsync leaves the nanoseconds of links and folders that are a second old at most.
            touch -h -d @981173107.25 symlink dangling; touch -d @981173108.75 links
            """,
            in: tree
        )
        return tree
    }

    /// Contents, kinds, modes, owners, link counts, times in nanoseconds, link targets.
    func fingerprint(of tree: String) throws -> String {
        try Tool.script(
            """
            find . -mindepth 1 -printf '%P %y %m %U:%G %n %T@ %l\\n' | sort
            find . -type f -print0 | sort -z | xargs -0r sha256sum
            """,
            in: tree
        )
    }

    func destroyNodes(_ numbers: [Int], under folder: String? = nil) throws {
        for number in numbers {
            try FileManager.default.removeItem(
                atPath: (folder ?? network) + "/node-0\(number)"
            )
        }
    }
}
