extension FuzzTarget {
    static let all =
        model + ledger + texts + volumeFormat + volumeState + wire + services + libraries
}
