/// One route: a method, a template such as `/v1/blobs/{blob_id}/metadata`, and what answers it.
package struct Route: Sendable {
    package typealias Handler = @Sendable (ServerRequest) async throws -> ServerResponse

    enum Segment: Hashable, Sendable {
        case literal(String)
        case parameter(String)
    }

    let method: HTTPMethod
    let template: String
    let segments: [Segment]
    let handler: Handler
    /// What a request takes of its peer's tokens: 1 for an answer from memory or one read of disk.
    let cost: Int

    /// - Precondition: The template starts with a slash, and the cost is positive.
    package init(
        _ method: HTTPMethod,
        _ template: String,
        cost: Int = 1,
        handler: @escaping Handler
    ) {
        precondition(template.hasPrefix("/") && cost > 0)
        self.method = method
        self.cost = cost
        self.template = template
        self.handler = handler
        segments = template.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            .map { part in
                part.hasPrefix("{") && part.hasSuffix("}")
                    ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
            }
    }

    /// The parameters of a path that this template describes; nil for another path.
    func match(_ path: [String]) -> [String: String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, part) in zip(segments, path) {
            switch segment {
            case .literal(let text): if text != part { return nil }
            case .parameter(let name): parameters[name] = part
            }
        }
        return parameters
    }
}

/// Finds the route of a request.
///
/// Routes are few, so they are simply tried in their order.
package struct Router: Sendable {
    enum Match {
        case route(Route, parameters: [String: String])
        case wrongMethod(allowed: [HTTPMethod])
        case unknownPath
    }

    package private(set) var routes: [Route]
    /// Counts what is answered.
    package var metrics: HTTPServerMetrics?

    package init(_ routes: [Route] = []) { self.routes = routes }

    package mutating func add(
        _ method: HTTPMethod,
        _ template: String,
        handler: @escaping Route.Handler
    ) {
        routes.append(Route(method, template, handler: handler))
    }

    package mutating func add(_ more: [Route]) { routes += more }

    /// HEAD finds the route of GET, as every GET route answers it.
    func match(_ method: HTTPMethod, path: String) -> Match {
        guard path.hasPrefix("/") else { return .unknownPath }
        var segments: [String] = []
        for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let segment = PercentCoding.decode(part) else { return .unknownPath }
            segments.append(segment)
        }
        var allowed: [HTTPMethod] = []
        for route in routes {
            guard let parameters = route.match(segments) else { continue }
            if route.method == (method == .head ? .get : method) {
                return .route(route, parameters: parameters)
            }
            allowed.append(route.method)
        }
        return allowed.isEmpty ? .unknownPath : .wrongMethod(allowed: allowed)
    }
}
