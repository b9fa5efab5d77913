// swift-tools-version: 6.2
// The house, level by level; `Docs/Architecture.md` draws it. Dependencies point down only.

import PackageDescription

/// One list for every Swift target, so that no room of the house has rules of its own.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

@MainActor func module(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    exclude: [String] = []
) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

@MainActor func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies + ["TestSupport"],
        swiftSettings: strict
    )
}

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let argumentParser = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// `WALRUS_FUZZ=1` (`make fuzz`) builds the fuzzers and what they stand on.
///
/// Of the modules that need the web server or the kernel it has the files that parse alone, so that
/// no library is instrumented for nothing.
let isFuzzing = Context.environment["WALRUS_FUZZ"] != nil

func parsers(of name: String, _ dependencies: [Target.Dependency], _ sources: [String]) -> Target {
    .target(name: name, dependencies: dependencies, sources: sources, swiftSettings: strict)
}

let parserModules: [Target] = [
    parsers(
        of: "Transport",
        ["Codec", "BlobModel"],
        [
            "APIError.swift", "BlockList.swift", "ByteRange.swift", "Endpoint.swift",
            "HTTPHeaders.swift", "JSONEnvelopes.swift", "LedgerWire.swift", "NodeWire.swift",
            "QueryString.swift", "TransportError.swift", "WireHealth.swift",
        ]
    ),
    parsers(
        of: "LedgerService",
        ["BlobModel", "SystemIO", "Ledger"],
        ["DirectoryFormat.swift", "LedgerStoreError.swift"]
    ),
    parsers(
        of: "StorageNode",
        ["Codec", "BlobModel", "SystemIO", "Ledger"],
        [
            "BlobInfo.swift", "NodeCommittees.swift", "NodeCursor.swift", "NodeDirectory.swift",
            "NodeGeneration.swift", "SliverRecordHeader.swift",
        ]
    ),
    parsers(of: "BlobClient", ["BlobModel", "Codec", "SystemIO"], ["TransactionJournal.swift"]),
    parsers(of: "Mount", [], ["MountTable.swift"]),
    parsers(
        of: "walrusfs",
        ["SystemIO", "Volume"],
        [
            "Composition/VolumeSettings.swift", "Control/ControlMessages.swift",
            "Control/GarbageReport.swift", "Terminal.swift",
        ]
    ),
]

/// The fuzzers, whose targets and corpora are also an ordinary test (`Docs/Hostile.md`).
let fuzzers: [Target] =
    isFuzzing
    ? [
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Codec", "BlobModel", "SystemIO", "ErasureCoding", "Ledger", "SegmentLog",
                "VolumeFormat", "Volume", "Transport", "LedgerService", "StorageNode",
                "BlobClient", "Mount", "walrusfs",
            ],
            path: "Tests/FuzzTests",
            exclude: [
                "fuzz.sh", "ReplayTests.swift", "Mutator.swift", "Seeds.swift",
                "Seeds+Ledger.swift", "Seeds+Services.swift", "Seeds+Volume.swift",
                "Targets/LibraryTargets.swift",
            ],
            sources: ["Targets", "Driver"],
            swiftSettings: strict
        )
    ]
    : [
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Codec", "BlobModel", "SystemIO", "ErasureCoding", "Ledger", "SegmentLog",
                "VolumeFormat", "Volume", "Transport", "LedgerService", "StorageNode",
                "BlobClient", "LocalNetwork", "Mount", "walrusfs", "TestSupport",
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Tests/FuzzTests",
            exclude: ["Driver", "fuzz.sh"],
            swiftSettings: strict
        )
    ]

let modules: [Target] = [
    // Level 0: C, and bytes.
    .target(name: "CKernels"),
    .target(name: "CShims"),
    .systemLibrary(name: "CFuse", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    module("Codec"),

    // Level 1: the nouns, and the seams to the machine.
    module("BlobModel", ["Codec", "CKernels", "CSodium", crypto]),
    module("SystemIO", ["Codec", "CShims"]),
    module("Telemetry", [logging]),

    // Level 2.
    module("SQLite", ["SystemIO", "CSQLite"]),
    module("SegmentLog", ["Codec", "SystemIO"]),
    module("ErasureCoding", ["Codec", "BlobModel", "SystemIO", "CKernels"]),
    module("Ledger", ["Codec", "BlobModel"]),
    module("VolumeFormat", ["Codec", "BlobModel", "CZstd", crypto]),
    module(
        "Transport",
        [
            "Codec", "BlobModel", "SystemIO", "Telemetry", logging, crypto,
            .product(name: "HummingbirdCore", package: "hummingbird"),
            .product(name: "HummingbirdTLS", package: "hummingbird"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOTLS", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
            .product(name: "HTTPTypes", package: "swift-http-types"),
            .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ]
    ),

    // Level 3.
    module(
        "LedgerService",
        ["Codec", "BlobModel", "SystemIO", "Telemetry", "SQLite", "Ledger", "Transport"]
    ),
    module(
        "StorageNode",
        [
            "Codec", "BlobModel", "SystemIO", "Telemetry", "SQLite", "SegmentLog", "ErasureCoding",
            "Ledger", "Transport",
        ]
    ),
    module(
        "BlobClient",
        ["Codec", "BlobModel", "SystemIO", "Telemetry", "ErasureCoding", "Ledger", "Transport"]
    ),
    module(
        "Volume",
        ["Codec", "BlobModel", "SystemIO", "SQLite", "SegmentLog", "VolumeFormat"]
    ),

    // Level 4.
    module("Mount", ["Codec", "BlobModel", "SystemIO", "Volume", "CFuse", "CShims"]),
    module(
        "LocalNetwork",
        [
            "Codec", "BlobModel", "SystemIO", "Telemetry", "Ledger", "LedgerService",
            "StorageNode", "BlobClient", "Transport", logging,
        ]
    ),
    module("Simulation", ["Codec", "BlobModel", "SystemIO", "Ledger"]),

    // Level 5.
    .executableTarget(
        name: "walrusfs",
        dependencies: [
            "Codec", "BlobModel", "SystemIO", "Volume", "VolumeFormat", "Mount", "LocalNetwork",
            "BlobClient", "Ledger", "LedgerService", "Transport", "Telemetry", argumentParser,
            logging,
        ],
        swiftSettings: strict
    ),
    .executableTarget(
        name: "walrus",
        dependencies: [
            "Codec", "BlobModel", "SystemIO", "ErasureCoding", "LocalNetwork", "BlobClient",
            "Ledger", "LedgerService", "StorageNode", "Transport", "Telemetry", argumentParser,
            logging,
        ],
        swiftSettings: strict
    ),

    // Tests.
    .target(
        name: "TestSupport",
        dependencies: ["Codec", "SystemIO"],
        path: "Tests/TestSupport",
        swiftSettings: strict
    ),
    .target(
        name: "TestNetwork",
        dependencies: [
            "Codec", "BlobModel", "SystemIO", "ErasureCoding", "Ledger", "StorageNode",
            "BlobClient",
        ],
        path: "Tests/TestNetwork",
        swiftSettings: strict
    ),
    tests("TidyTests", []),
    tests("CodecTests", ["Codec"]),
    tests("BlobModelTests", ["Codec", "BlobModel", "CSodium"]),
    tests("SystemIOTests", ["SystemIO"]),
    tests("SQLiteTests", ["SQLite", "SystemIO"]),
    tests("SegmentLogTests", ["SegmentLog", "SystemIO"]),
    tests("TelemetryTests", ["Telemetry", logging]),
    tests(
        "ErasureCodingTests",
        ["Codec", "BlobModel", "SystemIO", "ErasureCoding", "CKernels", crypto]
    ),
    .executableTarget(
        name: "encoder-bench",
        dependencies: ["BlobModel", "SystemIO", "ErasureCoding", "CKernels"],
        path: "Tests/EncoderBench",
        exclude: ["wheel.py"],
        swiftSettings: strict
    ),
    tests("LedgerTests", ["Codec", "BlobModel", "Ledger"]),
    tests("VolumeFormatTests", ["Codec", "BlobModel", "VolumeFormat"]),
    tests("TransportTests", ["BlobModel", "Transport", "SystemIO", "Telemetry", logging]),
    tests(
        "LedgerServiceTests",
        [
            "Codec", "BlobModel", "Ledger", "LedgerService", "SystemIO", "BlobClient",
            "Transport", "Telemetry", logging,
        ]
    ),
    tests(
        "StorageNodeTests",
        [
            "Codec", "BlobModel", "ErasureCoding", "Ledger", "StorageNode", "SystemIO",
            "BlobClient", "Transport", "TestNetwork", "Telemetry", logging,
        ]
    ),
    tests(
        "BlobClientTests",
        [
            "Codec", "BlobModel", "ErasureCoding", "Ledger", "StorageNode", "BlobClient",
            "SystemIO", "TestNetwork",
        ]
    ),
    tests(
        "VolumeTests",
        ["Codec", "BlobModel", "Volume", "VolumeFormat", "SegmentLog", "SQLite", "SystemIO"]
    ),
    tests(
        "LocalNetworkTests",
        [
            "Codec", "BlobModel", "LocalNetwork", "BlobClient", "Ledger", "StorageNode", "SystemIO",
            "Telemetry", logging,
        ]
    ),
    .executableTarget(
        name: "simulation-spike",
        dependencies: ["Simulation"],
        path: "Tests/SimulationSpike",
        swiftSettings: strict
    ),
    .executableTarget(
        name: "network-simulation",
        dependencies: [
            "Codec", "BlobModel", "SystemIO", "SQLite", "ErasureCoding", "Ledger",
            "LedgerService", "StorageNode", "BlobClient", "Simulation", "TestNetwork",
        ],
        path: "Tests/NetworkSimulation",
        swiftSettings: strict
    ),
    .executableTarget(
        name: "lying-node",
        dependencies: [
            "Codec", "BlobModel", "SystemIO", "Ledger", "StorageNode", "BlobClient", "Transport",
            "TestNetwork", logging,
        ],
        path: "Tests/LyingProcess",
        swiftSettings: strict
    ),
    tests(
        "CommandTests",
        [
            "Codec", "BlobModel", "Ledger", "SystemIO", "Transport", "VolumeFormat", "walrus",
            "walrusfs",
        ]
    ),
    tests("SimulationTests", ["Simulation", "simulation-spike", "network-simulation"]),
    .executableTarget(
        name: "plain-mount",
        dependencies: ["SystemIO", "Volume", "Mount"],
        path: "Tests/PlainMount",
        swiftSettings: strict
    ),
    .executableTarget(name: "posix-calls", path: "Tests/PosixCalls"),
    tests(
        "MountTests",
        ["SystemIO", "Volume", "Mount", "plain-mount", "posix-calls", "walrusfs"]
    ),
    tests("EndToEndTests", ["walrusfs", "walrus", "lying-node"]),
    tests("DevnetTests", ["Transport", "walrus", "lying-node"]),
]

let targets =
    (isFuzzing
        ? modules.filter { module in !parserModules.contains { $0.name == module.name } }
            + parserModules
        : modules) + fuzzers

let dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
]

/// `WALRUS_ONLY=VolumeTests,CodecTests swift test` builds just these targets and what they stand
/// on, so that work on a low level does not wait for the web server that a high one needs.
func selected(from targets: [Target]) -> [Target] {
    let only = isFuzzing ? "fuzz" : Context.environment["WALRUS_ONLY"] ?? ""
    guard !only.isEmpty else { return targets }
    var wanted = Set(only.split(separator: ",").map(String.init))
    var grew = true
    while grew {
        grew = false
        for target in targets where wanted.contains(target.name) {
            for case .byNameItem(let name, _) in target.dependencies
            where wanted.insert(name).inserted {
                grew = true
            }
        }
    }
    return targets.filter { wanted.contains($0.name) }
}

/// The packages that the chosen targets use.
func used(by chosen: [Target], of dependencies: [Package.Dependency]) -> [Package.Dependency] {
    var names: Set<String> = []
    for target in chosen {
        for case .productItem(_, let package?, _, _) in target.dependencies {
            names.insert(package)
        }
    }
    return dependencies.filter { dependency in
        guard case .sourceControl(_, let location, _) = dependency.kind else { return true }
        return names.contains { location.hasSuffix("/" + $0) }
    }
}

let chosen = selected(from: targets)

let package = Package(
    name: "WalrusFS",
    dependencies: used(by: chosen, of: dependencies),
    targets: chosen
)
