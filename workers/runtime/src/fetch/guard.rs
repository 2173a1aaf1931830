use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ureq::{
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

use super::addresses::is_public;

/// A network, or one address: `10.20.0.0/16`, `fd12::/32`, `192.168.1.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Network(IpNet);

/// What is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no network; write it as 10.20.0.0/16, fd12::/32 or 192.168.1.5")]
pub struct InvalidNetwork(String);

impl Network {
    /// An IPv6 address that carries an IPv4 address is that one.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| address()).map(Self).map_err(|_| InvalidNetwork(text.to_owned()))
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;
    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

/// Resolves names to the addresses that may be asked. The client connects to one of these and to no other, so neither a
/// redirect nor a name that resolves anew leads elsewhere.
#[derive(Debug)]
pub(super) struct Guard {
    /// Asked although they are not public, over plain `http:` too.
    trusted: Vec<SocketAddr>,
    networks: Vec<Network>,
    resolver: DefaultResolver,
}

impl Guard {
    pub(super) fn new(trusted: Vec<SocketAddr>, networks: Vec<Network>) -> Self {
        Self { trusted, networks, resolver: DefaultResolver::default() }
    }

    fn allows(&self, secure: bool, address: &SocketAddr) -> bool {
        self.trusted.contains(address) || may_be_asked(&self.networks, secure, address.ip())
    }
}

/// Whether an address may be asked: a public one by `https:`, one of these networks by `http:` too.
pub(super) fn may_be_asked(networks: &[Network], secure: bool, address: IpAddr) -> bool {
    (secure && is_public(address)) || networks.iter().any(|network| network.contains(address))
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        let secure = uri.scheme_str() == Some("https");
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| self.allows(secure, address)) {
            allowed.push(*address);
        }
        if allowed.is_empty() {
            let host = uri.host().unwrap_or_default().to_owned();
            return Err(ureq::Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, NotPublic(host))));
        }
        Ok(allowed)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a public https address")]
struct NotPublic(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_its_owner_wrote() {
        let network = |text: &str| text.parse::<Network>().unwrap();
        let inside = |text: &str, address: &str| network(text).contains(address.parse().unwrap());
        assert!(inside("10.20.0.0/16", "10.20.255.1") && !inside("10.20.0.0/16", "10.21.0.1"));
        assert!(inside("10.20.0.0/16", "::ffff:10.20.0.1"));
        assert!(inside("192.168.1.5", "192.168.1.5") && !inside("192.168.1.5", "192.168.1.6"));
        assert!(inside("fd12::/32", "fd12:0:1::1") && !inside("fd12::/32", "fd13::1"));
        for bad in ["", "10.0.0.0/33", "example.org", "10.0.0", "10.0.0.0/8/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
        let parsed: Network = serde_json::from_str(r#""10.0.0.0/8""#).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), r#""10.0.0.0/8""#);
    }

    #[test]
    fn a_name_is_judged_by_what_it_resolves_to() {
        let allowed = [Network::from_str("10.20.0.0/16").unwrap()];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(may_be_asked(&allowed, false, ip("10.20.3.4")) && may_be_asked(&allowed, true, ip("10.20.3.4")));
        assert!(may_be_asked(&allowed, true, ip("8.8.8.8")) && !may_be_asked(&allowed, false, ip("8.8.8.8")));
        assert!(!may_be_asked(&allowed, true, ip("10.21.0.1")) && !may_be_asked(&[], true, ip("169.254.169.254")));
    }
}
