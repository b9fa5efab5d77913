internal import SystemIO

extension VolumeSettings {
    private static let lengthMax = 1 << 16

    static func read(
        _ state: String,
        volume: String,
        files: any FileSystem
    ) throws(CommandFailure) -> VolumeSettings {
        let path = state + "/settings.json"
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try files.readWholeFile(path, limit: lengthMax)
        } catch {
            throw CommandFailure(error)
        }
        guard let bytes,
            let settings = ControlCoding.decode(bytes, as: VolumeSettings.self),
            settings.version == version
        else {
            throw CommandFailure(
                .damaged,
                "\(path) is missing, damaged or newer: the format of the state of '\(volume)' can "
                    + "not be read",
                advice: "restore the file, or attach the volume again with its key"
            )
        }
        return settings
    }

    func write(_ state: String, files: any FileSystem) throws(CommandFailure) {
        do throws(SystemError) {
            try files.writeFileAtomically(state + "/settings.json", ControlCoding.encode(self))
        } catch {
            throw CommandFailure(error)
        }
    }
}
