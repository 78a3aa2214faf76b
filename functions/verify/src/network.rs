//! The clean room's addresses: the guard that keeps `verify` from ever connecting to anything else.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address lies in the block. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // A prefix is never 0 (`from_str`), so each shift is smaller than the width.
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (base.to_bits() ^ address.to_bits()) >> (32 - self.prefix) == 0,
            (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits() ^ address.to_bits()) >> (128 - self.prefix) == 0,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    fn lowest(&self) -> IpAddr {
        match self.base {
            IpAddr::V4(base) => IpAddr::V4((base.to_bits() & (u32::MAX << (32 - self.prefix))).into()),
            IpAddr::V6(base) => IpAddr::V6((base.to_bits() & (u128::MAX << (128 - self.prefix))).into()),
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a network such as 10.0.0.0/16 or fd00::/8");
        let (base, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        if prefix == 0 || prefix > width {
            // A network of every address would be no guard.
            return Err(format!("the prefix of {text:?} is not between 1 and {width}"));
        }
        let network = Self { base, prefix };
        if network.lowest() == base {
            Ok(network)
        } else {
            Err(format!("{text:?} has bits beyond its prefix; {}/{prefix} is the network", network.lowest()))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_exactly_if_the_prefix_agrees() {
        let cases = [
            ("10.1.0.0/16", "10.1.255.255", true),
            ("10.1.0.0/16", "10.2.0.0", false),
            ("10.1.0.0/16", "::ffff:10.1.2.3", true),
            ("10.1.0.0/16", "fd00::1", false),
            ("127.0.0.1/32", "127.0.0.1", true),
            ("127.0.0.1/32", "127.0.0.2", false),
            ("128.0.0.0/1", "127.0.0.1", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::1/128", "::1", true),
        ];
        for (network, address, wanted) in cases {
            let network: Network = network.parse().expect("a legal network");
            assert_eq!(network.contains(address.parse().expect("an address")), wanted, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_would_be() {
        for bad in
            ["", "10.0.0.0", "10.0.0.0/33", "0.0.0.0/0", "::/0", "fd00::/129", "10.0.0/8", "10.0.0.0/-1", "name/8"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let error = "10.1.2.3/16".parse::<Network>().expect_err("bits beyond the prefix");
        assert_eq!(error, "\"10.1.2.3/16\" has bits beyond its prefix; 10.1.0.0/16 is the network");
    }
}
