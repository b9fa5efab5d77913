# One verb per task. `make check` is the gate; `make run` and `make test` set up all they need.

SWIFT ?= swift
CONFIGURATION ?= release
# One configuration for all: what is tested is what is run. Some tests look inside (-enable-testing).
SWIFT_FLAGS = -c $(CONFIGURATION) -Xswiftc -enable-testing \
	--explicit-target-dependency-import-check error
BIN = .build/$(CONFIGURATION)
DESTDIR ?=
PREFIX ?= /usr/local
MOUNTPOINT ?= mnt

# To build and mount; then what the tests drive the mount with.
BUILD_PACKAGES = libfuse3-dev fuse3 libsqlite3-dev libsodium-dev libzstd-dev pkg-config
TEST_PACKAGES = rsync git sqlite3 attr acl fio stress-ng gcc libc6-dev
BENCH_PACKAGES = bindfs
BENCH ?=
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: run setup test-setup build build-tests test mount-test check crash format format-check \
	bench bench-encoder bench-files bench-network bench-remount bench-workloads chaos conformance stress simulate sanitize fuzz golden install uninstall clean

run: setup build
	@mkdir -p $(MOUNTPOINT)
	$(BIN)/walrusfs mount $(MOUNTPOINT)
	@echo "Mounted at $(MOUNTPOINT): a volume on an embedded network of ten storage nodes."
	@echo "Try:  cp -a /usr/share/doc $(MOUNTPOINT)/"
	@echo "      $(BIN)/walrusfs status $(MOUNTPOINT)"
	@echo "      $(BIN)/walrusfs sync $(MOUNTPOINT)         (everything certified on the network)"
	@echo "      $(BIN)/walrusfs key export default     (keep it: the key is the volume)"
	@echo "      $(BIN)/walrusfs umount $(MOUNTPOINT)"

# Installs only what is missing, so that it works without a network once all is there.
define install_packages
	@missing=; for package in $(1); do \
		dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq \
			--no-install-recommends $$missing; fi
endef

setup:
	$(call install_packages,$(BUILD_PACKAGES))

test-setup: setup
	$(call install_packages,$(TEST_PACKAGES))

build: setup
	$(SWIFT) build $(SWIFT_FLAGS) --product walrusfs
	$(SWIFT) build $(SWIFT_FLAGS) --product walrus

build-tests: test-setup
	$(SWIFT) build $(SWIFT_FLAGS) --build-tests

# One test at a time: many of them wait for processes, mounts and time-outs, and on two cores they
# would keep each other from the threads that answer.
test: build-tests
	$(SWIFT) test $(SWIFT_FLAGS) --skip-build --no-parallel

# Only what needs the kernel: mounts, real tools, networks of processes.
mount-test: build-tests
	$(SWIFT) test $(SWIFT_FLAGS) --skip-build --no-parallel \
		--filter 'MountTests|EndToEndTests|DevnetTests'

# Replays a simulated network, or COUNT of them: the same seed prints the same digest of its trace, in
# every process.
SEED ?= 1
COUNT ?= 1
simulate: setup
	$(SWIFT) build $(SWIFT_FLAGS) --product network-simulation
	SWIFT_DETERMINISTIC_HASHING=1 $(BIN)/network-simulation $(SEED) $(COUNT)

# The levels that read bytes from outside or own memory, under a sanitizer (address or thread), in
# a debug build of their own; C is optimised even there, or its kernels would take minutes.
# Leaks are not looked for, because the test runner itself leaks.
SANITIZER ?= address
SANITIZED = CodecTests,BlobModelTests,SystemIOTests,SQLiteTests,SegmentLogTests,ErasureCodingTests,LedgerTests,VolumeFormatTests,VolumeTests
sanitize: test-setup
	WALRUS_CRASH_SEEDS=10 WALRUS_ONLY=$(SANITIZED) ASAN_OPTIONS=detect_leaks=0 \
		$(SWIFT) test --sanitize $(SANITIZER) \
		--scratch-path .build-sanitize-$(SANITIZER) -Xcc -O2 --no-parallel

# libFuzzer with AddressSanitizer on one parser of bytes from outside, or on all in turn, each for so
# many seconds, in a build of its own. KEEP=keep adds what it learned to the corpora in the repository.
TARGET ?= all
SECONDS ?= 60
KEEP ?=
fuzz: setup
	WALRUS_FUZZ=1 $(SWIFT) build -c release --sanitize=fuzzer -Xswiftc -sanitize=fuzzer,address \
		-Xcc -fsanitize=address -Xswiftc -enable-testing --scratch-path .build/fuzz --product fuzz
	bash Tests/FuzzTests/fuzz.sh .build/fuzz/release/fuzz .build/fuzz/work \
		$(TARGET) $(SECONDS) $(KEEP)

# Writes the fixtures that are our own anew. A changed one is a changed format: read the diff.
golden: build-tests
	WALRUS_WRITE_GOLDEN=1 $(SWIFT) test $(SWIFT_FLAGS) --skip-build --no-parallel \
		--filter 'GoldenTests|GoldenLogTests|ReplayTests.seeds'
	git diff --stat -- Tests/Fixtures

# The crash harness, longer than `make test` runs it; `WALRUS_CRASH_SEED=n make crash` replays one.
SEEDS ?= 20000
crash: build-tests
	WALRUS_CRASH_SEEDS=$(SEEDS) \
		$(SWIFT) test $(SWIFT_FLAGS) --skip-build --no-parallel \
		--filter 'PowerCutTests|DiskErrorTests|VolumeTests.FullDiskTests|RotTests|WasteCrashTests|FullDiskCheckpointTests'

# The gate: format, strict build, layering, tests, tidy (the last three are the build's flags and
# the tests themselves).
check: format-check test

SOURCES = $(shell git ls-files 'Package.swift' 'Sources/*.swift' 'Tests/*.swift')

format:
	@$(SWIFT) format --in-place --parallel --configuration .swift-format $(SOURCES)

format-check:
	@$(SWIFT) format lint --strict --parallel --configuration .swift-format $(SOURCES)

# The encoder next to memcpy, libsodium, b2sum and the reference's Reed-Solomon, in one run; half an
# hour, or three minutes with ENCODER_BENCH=--goals. The reference is a wheel in a folder of its own, and left
# out where there is no PyPI.
ENCODER_BENCH ?=
BENCH_VENV = .build/bench-venv
bench-encoder: build
	$(SWIFT) build $(SWIFT_FLAGS) --product encoder-bench
	@test -x $(BENCH_VENV)/bin/python || python3 -m venv $(BENCH_VENV) || true
	@if $(BENCH_VENV)/bin/python -c 'import reed_solomon_leopard' 2>/dev/null || \
		$(BENCH_VENV)/bin/python -m pip install -q reed-solomon-leopard; then \
		python="--python $(BENCH_VENV)/bin/python"; \
	else \
		echo "SKIPPED: the reference Reed-Solomon: PyPI does not give reed-solomon-leopard"; \
	fi; \
	$(BIN)/encoder-bench $$python --walrus $(BIN)/walrus $(ENCODER_BENCH)

# Every case of the POSIX suite, as root and as a user, against the machine's own filesystem.
conformance: build-tests
	WALRUS_POSIX=full $(SWIFT) test $(SWIFT_FLAGS) --skip-build --no-parallel \
		--filter 'PosixTests|FileLifeTests|MountOptionTests|WritebackTests|FullDisk'

# stress-ng's filesystem class for so many seconds, fio with verification, then a directory and a
# file of so many entries and extents, which takes a quarter of an hour; then so many rounds of
# killing a mount under load; root only.
STRESS_SECONDS ?= 120
STRESS_COUNT ?= 1000000
KILLS ?= 200
stress: build test-setup
	bash Tests/Stress/stress.sh $(BIN)/walrusfs $(STRESS_SECONDS) $(STRESS_COUNT)
	bash Tests/Stress/kills.sh $(BIN)/walrusfs $(KILLS)

# Thirteen nodes as daemons under load, while they are killed, restarted, wiped and cut off and an epoch
# begins every minute; `CHAOS_SEED=n` makes the same choices again; root only.
MINUTES ?= 10
CHAOS_SEED ?=
chaos: build test-setup
	python3 Tests/Chaos/chaos.py $(BIN) $$(($(MINUTES) * 60)) $(CHAOS_SEED)

# A mount that is killed with a GiB and a million changed rows that nobody has published, and how long it
# takes to come back; `BENCH='100 100000'` for fewer MiB and rows.
bench-remount: build
	python3 Tests/Stress/remount.py $(BIN) $(BENCH)

# Storing and reading with 0, 1 and f nodes down, and what it takes to make a wiped node whole; root only.
bench-network: build
	python3 Tests/Bench/network_bench.py $(BIN) $(BENCH)

# Ratios against the machine's own filesystem and bindfs, in one run; needs root and 20 minutes.
# Without bindfs the comparison with it is left out, and the bench says so.
bench-files: build test-setup
	-$(call install_packages,$(BENCH_PACKAGES))
	python3 Tests/Bench/bench.py --walrusfs $(BIN)/walrusfs --requests $(BENCH)

# Workloads of a folder outside of this project, in one run; `WORKLOADS` is that folder.
WORKLOADS ?=
bench-workloads: build
	-$(call install_packages,$(BENCH_PACKAGES) fio rsync)
	bash Tests/Bench/workloads.sh $(BIN)/walrusfs $(WORKLOADS) .build/workloads $(BENCH)

bench: bench-encoder bench-files

install: build
	install -D -t $(DESTDIR)$(PREFIX)/bin $(BIN)/walrusfs $(BIN)/walrus
	install -D -m 644 -t $(DESTDIR)/etc/systemd/system Systemd/*.service

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/walrusfs $(DESTDIR)$(PREFIX)/bin/walrus
	for unit in Systemd/*.service; do \
		rm -f $(DESTDIR)/etc/systemd/system/$$(basename $$unit); done

clean:
	rm -rf .build
