internal import Hummingbird
internal import HummingbirdTLS
internal import NIOSSL
internal import ServiceLifecycle
internal import X509
