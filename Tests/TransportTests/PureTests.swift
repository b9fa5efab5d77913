internal import Testing
internal import Transport

@Suite struct EndpointTests {
    @Test(arguments: [
        ("127.0.0.1:80", Endpoint.tcp(host: "127.0.0.1", port: 80)),
        ("node.example:65535", .tcp(host: "node.example", port: 65535)),
        ("[::1]:0", .tcp(host: "::1", port: 0)),
        ("unix:/run/w.sock", .unix(path: "/run/w.sock")),
    ])
    func textFormsGoThereAndBack(text: String, endpoint: Endpoint) {
        #expect(Endpoint(text: text) == endpoint)
        #expect(endpoint.description == text)
    }

    @Test(arguments: [
        "", ":80", "host", "host:", "host:65536", "host:-1", "::1:80", "[::1:80", "a b:1", "a/b:1",
        "[[a]:1", "[a]]:1", "a]:1", "a[:1", "[unix]:0", "[host]:1",
        "unix:", "unix:" + String(repeating: "x", count: 108),
        String(repeating: "h", count: 256) + ":1",
    ])
    func whatIsNoAddressIsRefused(text: String) {
        #expect(Endpoint(text: text) == nil)
    }
}

@Suite struct QueryStringTests {
    @Test func everyByteSurvivesEncoding() {
        for scalar in 0..<0x250 {
            guard let scalar = Unicode.Scalar(scalar) else { continue }
            let text = "a\(scalar)b"
            #expect(PercentCoding.decode(PercentCoding.encode(text)) == text)
        }
    }

    @Test(arguments: ["%", "%1", "%zz", "%ff", "%C3"])
    func badEscapesAreRefused(text: String) {
        #expect(PercentCoding.decode(text) == nil)
        #expect(QueryString(parsing: "a=\(text)") == nil)
    }

    @Test func namesRepeatAndValuesMayBeMissing() {
        let query = QueryString(parsing: "id=1-2&id=3-4&flag&x=a+b%26&")
        #expect(query?.all("id") == ["1-2", "3-4"])
        #expect(query?["flag"] == "")
        #expect(query?["x"] == "a b&")
        #expect(query?["y"] == nil)
        #expect(QueryString(parsing: String(repeating: "a&", count: 4097)) == nil)
    }
}

@Suite struct APIErrorTests {
    @Test func theShapeIsTheReferences() {
        let error = APIError(
            .failedPrecondition,
            reason: "SHARD_NOT_ASSIGNED",
            message: "Not \"ours\"/theirs.",
            metadata: ["shard": "7"]
        )
        #expect(
            String(decoding: error.json, as: UTF8.self)
                == #"{"error":{"code":400,"details":[{"@type":"ErrorInfo","#
                + #""domain":"storage.walrus.space","metadata":{"shard":"7"},"#
                + #""reason":"SHARD_NOT_ASSIGNED"}],"message":"Not \"ours\"/theirs.","#
                + #""status":"FAILED_PRECONDITION"}}"#
        )
        #expect(APIError(code: 400, body: error.json) == error)
    }

    @Test func everyStatusHasItsCodeAndComesBack() {
        for status in APIStatus.allCases {
            let error = APIError(status, reason: "R", message: "m")
            #expect(APIError(code: status.code, body: error.json) == error)
        }
    }

    @Test(arguments: ["", "{}", "<html>", "{\"error\":{}}", "{\"error\":{\"status\":\"X\"}}"])
    func anotherShapeStillHasItsCode(body: String) {
        let error = APIError(code: 503, body: Array(body.utf8))
        #expect(error.status == .unavailable)
        #expect(error.code == 503)
        #expect(error.reason.isEmpty)
    }

    @Test func successIsEnveloped() throws {
        let bytes = try JSON.encode(SuccessEnvelope(code: 200, data: ["a": 1]))
        #expect(
            String(decoding: bytes, as: UTF8.self) == #"{"success":{"code":200,"data":{"a":1}}}"#
        )
        let back: SuccessEnvelope<[String: Int]> = try JSON.decode(from: bytes)
        #expect(back.data == ["a": 1])
    }
}
