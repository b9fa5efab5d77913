internal import Hummingbird
internal import HummingbirdTLS
internal import NIOSSL
internal import X509
internal import ServiceLifecycle
