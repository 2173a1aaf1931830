use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use medley_net::{Address, LONGEST_WISH, retry_after};
use ureq::{
    Agent,
    http::{Uri, header},
    unversioned::transport::DefaultConnector,
};

use super::guard::{Guard, Network, may_be_asked};

/// The longest address that is asked.
const MAX_ADDRESS_BYTES: usize = 2_048;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is sent to, beyond `https:` to public addresses.
#[derive(Debug, Clone)]
pub struct SendPolicy {
    /// Networks whose servers are sent to although they are not public, over plain `http:` too.
    pub allow: Vec<Network>,
    /// The longest that one sending may take, from the name's resolution to the answer.
    pub timeout: Duration,
}

impl Default for SendPolicy {
    fn default() -> Self {
        Self { allow: Vec::new(), timeout: Duration::from_secs(20) }
    }
}

/// Sends small messages to addresses that users give. As with [`HttpsFetcher`](super::HttpsFetcher), the address is judged
/// after its name was resolved, for each connection, and it is the judged address that is connected to. Redirects are not
/// followed: they are an answer as any other.
#[derive(Debug, Clone)]
pub struct HttpsSender {
    agent: Agent,
    policy: SendPolicy,
}

/// What a server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub status: u16,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// A message that was not sent, or was not answered. The sentences show nothing of the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// This is no address that may ever be asked.
    #[error("{0}")]
    Refused(&'static str),
    #[error("{0}")]
    Unreached(&'static str),
    #[error("there was no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

const NOT_PUBLIC: SendError = SendError::Refused(
    "the address is not public; the owner of the gateway can allow its network in [gateway.webhooks] allow",
);
const NO_ADDRESS: SendError =
    SendError::Refused("this is no URL of a web server; write it as https://host/path, without user, password and #");

impl HttpsSender {
    pub fn new(policy: SendPolicy) -> Self {
        let config = Agent::config_builder()
            // Plain http reaches allowed networks only: the resolver sees to that.
            .https_only(policy.allow.is_empty())
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(policy.timeout.min(LONGEST_WISH)))
            .user_agent(concat!("medley/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        let guard = Guard::new(Vec::new(), policy.allow.clone());
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), guard), policy }
    }

    /// Whether the address looks like one that may be asked. A name is judged only when it is asked: what it resolves to may
    /// change.
    ///
    /// # Errors
    /// [`SendError::Refused`] with a sentence for whoever gave the address.
    pub fn check(&self, address: &Address) -> Result<(), SendError> {
        let text = address.reveal();
        let odd = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'#' | b'@' | b'"' | b'<' | b'>');
        let head = text.split(['?']).next().unwrap_or_default();
        if text.len() > MAX_ADDRESS_BYTES || head.bytes().any(odd) || text.bytes().any(|byte| odd(byte) && byte != b'@')
        {
            return Err(NO_ADDRESS);
        }
        let uri: Uri = text.parse().map_err(|_| NO_ADDRESS)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if !self.policy.allow.is_empty() => false,
            Some("http") => return Err(SendError::Refused("the address must begin with https://")),
            _ => return Err(NO_ADDRESS),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(NO_ADDRESS)?;
        match literal(host).map_err(|NoHost| NO_ADDRESS)? {
            Some(ip) if !may_be_asked(&self.policy.allow, secure, ip) => Err(NOT_PUBLIC),
            _ => Ok(()),
        }
    }

    /// Sends a body and returns what the server answered, whatever that is.
    ///
    /// # Errors
    /// When the address may not be asked, or there was no answer.
    pub async fn post(
        &self,
        address: &Address,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> Result<Sent, SendError> {
        self.check(address)?;
        let (sender, address) = (self.clone(), address.clone());
        let sent = tokio::task::spawn_blocking(move || sender.send(&address, headers, &body)).await;
        sent.unwrap_or(Err(SendError::Unreached("the sending met a defect of Medley; please report it")))
    }

    fn send(&self, address: &Address, headers: Vec<(&'static str, String)>, body: &[u8]) -> Result<Sent, SendError> {
        let mut request = self.agent.post(address.reveal());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // The answer's body is not read: nobody is shown what a server says to Medley.
        let response = request.send(body).map_err(|error| self.unreached(&error))?;
        let wish = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = wish.and_then(|value| retry_after(value, SystemTime::now()));
        Ok(Sent { status: response.status().as_u16(), retry_after })
    }

    fn unreached(&self, error: &ureq::Error) -> SendError {
        match error {
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::PermissionDenied => NOT_PUBLIC,
            ureq::Error::RequireHttpsOnly(_) => SendError::Refused("the address must begin with https://"),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => NO_ADDRESS,
            ureq::Error::HostNotFound => SendError::Unreached("the host's name is not known"),
            ureq::Error::Timeout(_) => SendError::TimedOut(self.policy.timeout),
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
                SendError::Unreached("the host refuses the connection")
            }
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
                SendError::Unreached("the server's certificate does not hold, or its TLS is not ours")
            }
            _ => SendError::Unreached("the connection broke off, or the answer is no HTTP"),
        }
    }
}

/// A host that no server can have.
struct NoHost;

/// The address that a host is, if it is one. What only looks like one (`0x7f.1`, `2130706433`, `127.1`) is refused: programs
/// do not agree on what it means.
fn literal(host: &str) -> Result<Option<IpAddr>, NoHost> {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().map(|ip| Some(ip.into())).map_err(|_| NoHost);
    }
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
        return Err(NoHost);
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if name.is_empty() || name.split('.').any(str::is_empty) {
        return Err(NoHost);
    }
    // The rule by which browsers tell addresses from names (WHATWG URL, "ends in a number").
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if hex || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return host.parse::<Ipv4Addr>().map(|ip| Some(ip.into())).map_err(|_| NoHost);
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(Some(Ipv4Addr::LOCALHOST.into()));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Ways to write an address that a gateway must not ask; `P` stands for a port that listens on this machine.
    const FORMS: &[&str] = &[
        "127.0.0.1:P",
        "127.0.0.1.:P",
        "127.8.9.10:P",
        "127.1:P",
        "127.0.1:P",
        "2130706433:P",
        "0x7f000001:P",
        "0x7f.0.0.1:P",
        "0x7f.1:P",
        "017700000001:P",
        "0177.0.0.1:P",
        "127.0.0.0x1:P",
        "127.000.000.001:P",
        "0:P",
        "0.0.0.0:P",
        "localhost:P",
        "LOCALHOST:P",
        "localhost.:P",
        "a.localhost:P",
        "[::1]:P",
        "[::]:P",
        "[0:0:0:0:0:0:0:1]:P",
        "[::ffff:127.0.0.1]:P",
        "[::ffff:7f00:1]:P",
        "[::127.0.0.1]:P",
        "[64:ff9b::7f00:1]:P",
        "[64:ff9b:1::7f00:1]:P",
        "[2002:7f00:1::]:P",
        "[fe80::1]:P",
        "[fe80::1%25lo]:P",
        "[fec0::1]:P",
        "[fd00:ec2::254]",
        "[ff02::1]:P",
        "[2001:db8::1]:P",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "10.0.0.1:P",
        "172.16.0.1:P",
        "172.31.255.255:P",
        "192.168.0.1:P",
        "100.64.0.1:P",
        "198.18.0.1:P",
        "224.0.0.1:P",
        "255.255.255.255:P",
        "good.example@127.0.0.1:P",
        "127.0.0.1:P@[::1]:P",
        "good.example:443@localhost:P",
        "127.0.0.1:P#good.example",
        "good.example\\@127.0.0.1:P",
        "127.0.0.1:P\\.good.example",
        "127.0.0.1%2egood.example:P",
        "%31%32%37.0.0.1:P",
        "①②⑦.⓪.⓪.①:P",
        "127。0。0。1:P",
        "127.0.0.1 :P",
        "127.0.0.1\t:P",
        "127.0.0.1:P\r\nHost: good.example",
        "127..1:P",
        ":P",
        "",
    ];

    fn sender(allow: &[&str]) -> HttpsSender {
        let allow = allow.iter().map(|text| text.parse().unwrap()).collect();
        HttpsSender::new(SendPolicy { allow, timeout: Duration::from_secs(5) })
    }

    #[tokio::test]
    async fn no_way_of_writing_an_address_leads_inside() {
        assert!(FORMS.len() >= 40);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        for allow in [&[][..], &["10.255.255.0/24"]] {
            let sender = sender(allow);
            for form in FORMS {
                for scheme in ["https", "http", "HTTPS"] {
                    let address = Address::new(format!("{scheme}://{}/hook", form.replace('P', &port)));
                    let answer = sender.post(&address, Vec::new(), Bytes::from_static(b"{}")).await;
                    assert!(matches!(answer, Err(SendError::Refused(_))), "{scheme} {form}: {answer:?}");
                }
            }
        }
        let nobody = listener.accept();
        assert!(nobody.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock), "somebody was asked");
    }

    /// The second guard: a name that resolves to this machine although it looks like any other, and whatever passes a check.
    #[test]
    fn a_name_that_leads_inside_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        for (allow, host) in [
            (&[][..], "https://localhost"),
            (&[][..], "https://2130706433"),
            (&["10.255.255.0/24"], "https://0x7f.1"),
            (&["10.255.255.0/24"], "http://localhost"),
            (&["10.255.255.0/24"], "http://[::ffff:127.0.0.1]"),
        ] {
            let answer = sender(allow).send(&Address::new(format!("{host}:{port}/")), Vec::new(), b"{}");
            assert_eq!(answer, Err(NOT_PUBLIC), "{host}");
        }
        assert!(listener.accept().is_err(), "somebody was asked");
    }

    #[test]
    fn odd_schemes_and_texts_are_no_addresses() {
        for text in [
            "",
            "/v1/jobs",
            "example.org/hook",
            "ftp://example.org/",
            "file:///etc/passwd",
            "gopher://example.org:70/_x",
            "https:///hook",
            "https:example.org",
            "javascript:alert(1)",
            "https://exa mple.org/",
            "https://example.org/\u{0}",
            &format!("https://example.org/{}", "a".repeat(2_048)),
        ] {
            let refused = sender(&["10.0.0.0/8"]).check(&Address::new(text));
            assert!(matches!(refused, Err(SendError::Refused(_))), "{text:?}");
        }
        for text in ["https://example.org/hook?id=7&to=a@b", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/"] {
            assert_eq!(sender(&[]).check(&Address::new(text)), Ok(()), "{text}");
        }
        assert!(sender(&[]).check(&Address::new("http://example.org/")).is_err());
        assert_eq!(sender(&["10.0.0.0/8"]).check(&Address::new("http://10.1.2.3:8080/hook")), Ok(()));
    }
}
