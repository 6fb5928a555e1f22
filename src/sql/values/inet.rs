//! Addresses of the internet with the length of their network: `10.0.0.1`, `10.0.0.0/8`, `2001:db8::1/64`.

use std::fmt;
use std::net::IpAddr;

/// An address and how many of its bits are its network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// Bits of the network.
    pub bits: u8,
}

impl Inet {
    /// Reads one as PostgreSQL writes it.
    pub fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = match bits {
            Some(bits) if bits.len() <= 3 && bits.bytes().all(|digit| digit.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => width(address),
        };
        (bits <= width(address)).then_some(Self { address, bits })
    }

    /// Reads a network, whose last bytes and bits may be left out: `10.1`, `192.168/25`. How many bits it has then the old classes say,
    /// or the bytes that are there.
    pub fn read_network(text: &str) -> Option<Self> {
        let text = text.trim();
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let parts = address.split('.').count();
        if address.contains(':') || parts == 4 {
            return Self::read(text);
        }
        let whole = format!("{address}{}", ".0".repeat(4usize.checked_sub(parts)?));
        let found = Self::read(&bits.map_or(whole.clone(), |bits| format!("{whole}/{bits}")))?;
        if bits.is_some() {
            return Some(found);
        }
        let first = (found.value() >> 24) as u8;
        let class = match first {
            240.. => 32,
            224.. if parts == 1 && first == 224 => 4,
            224.. => 8,
            192.. => 24,
            128.. => 16,
            _ => 8,
        };
        found.with_bits(class.max(if class == 4 { 0 } else { 8 * parts as u8 }))
    }

    /// The smallest network that has both, if they are of one family.
    pub fn merged(self, other: Self) -> Option<Self> {
        if self.width() != other.width() {
            return None;
        }
        let least = self.bits.min(other.bits);
        let bits = (0..=least).rev().find(|bits| self.agrees(other, *bits)).unwrap_or(0);
        self.with_bits(bits).map(Self::network)
    }

    /// The mask of the hosts of the network as an address.
    pub fn hostmask(self) -> Self {
        let host = self.mask(self.width()) & !self.mask(self.bits);
        Self { address: self.of(host), bits: self.width() }
    }

    /// Bits that an address of its family has.
    pub fn width(self) -> u8 {
        width(self.address)
    }

    /// The same address in a network of so many bits.
    pub fn with_bits(self, bits: u8) -> Option<Self> {
        (bits <= self.width()).then_some(Self { bits, ..self })
    }

    /// Written with its bits, also where they are all.
    pub fn with_its_bits(self) -> String {
        format!("{}/{}", self.address, self.bits)
    }

    fn value(self) -> u128 {
        match self.address {
            IpAddr::V4(address) => u32::from(address).into(),
            IpAddr::V6(address) => address.into(),
        }
    }

    fn of(self, value: u128) -> IpAddr {
        match self.address {
            // Only its own bits are set.
            IpAddr::V4(_) => IpAddr::V4((value as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(value.into()),
        }
    }

    /// The bits of the network, all others zero.
    fn mask(self, bits: u8) -> u128 {
        let all = u128::MAX >> (128 - u32::from(self.width()));
        let host = u128::MAX.checked_shr(128 - u32::from(self.width() - bits)).unwrap_or(0);
        all & !host
    }

    /// The network's own address.
    pub fn network(self) -> Self {
        Self { address: self.of(self.value() & self.mask(self.bits)), ..self }
    }

    /// The network's last address.
    pub fn broadcast(self) -> Self {
        let host = self.mask(self.width()) & !self.mask(self.bits);
        Self { address: self.of(self.value() | host), ..self }
    }

    /// The mask of the network as an address.
    pub fn netmask(self) -> Self {
        Self { address: self.of(self.mask(self.bits)), bits: self.width() }
    }

    /// Whether both are of one family, and the first so many bits are equal.
    fn agrees(self, other: Self, bits: u8) -> bool {
        self.width() == other.width() && (self.value() ^ other.value()) & self.mask(bits) == 0
    }

    /// Whether its network lies within the other's, or is the same.
    pub fn is_within(self, other: Self) -> bool {
        self.bits >= other.bits && self.agrees(other, other.bits)
    }

    /// Whether one of the networks holds the other.
    pub fn overlaps(self, other: Self) -> bool {
        self.agrees(other, self.bits.min(other.bits))
    }

    /// A text that sorts as PostgreSQL sorts these: by family, by what the networks share, by their lengths, by address.
    pub fn order(self) -> String {
        let network = self.value() & self.mask(self.bits);
        format!("{:03}{network:032x}{:03}{:032x}", self.width(), self.bits, self.value())
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Inet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits == self.width() {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Inet {
        Inet::read(text).unwrap()
    }

    #[test]
    fn they_are_read_and_shown_as_postgresql_does() {
        for (written, shown) in [
            ("10.0.0.1", "10.0.0.1"),
            (" 10.0.0.1/32 ", "10.0.0.1"),
            ("10.1.2.3/8", "10.1.2.3/8"),
            ("2001:DB8:0:0::1/64", "2001:db8::1/64"),
            ("::1/128", "::1"),
        ] {
            assert_eq!(read(written).to_string(), shown);
        }
        for (written, shown) in [
            ("10", "10.0.0.0/8"),
            ("128.1", "128.1.0.0/16"),
            ("192.168.1", "192.168.1.0/24"),
            ("192.168/25", "192.168.0.0/25"),
            ("224", "224.0.0.0/4"),
            ("240", "240.0.0.0/32"),
            ("10.0.0.1", "10.0.0.1/32"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(Inet::read_network(written).unwrap().with_its_bits(), shown);
        }
        assert_eq!(read("10.1.0.0/16").merged(read("10.2.0.0/16")).unwrap().to_string(), "10.0.0.0/14");
        for wrong in ["", "10.0.0", "10.0.0.256", "10.0.0.1/33", "::1/129", "10.0.0.1/", "10.0.0.1/+8", "a"] {
            assert!(Inet::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn networks_hold_each_other() {
        assert_eq!(read("10.1.2.3/8").network().to_string(), "10.0.0.0/8");
        assert_eq!(read("10.1.2.3/8").broadcast().to_string(), "10.255.255.255/8");
        assert_eq!(read("10.1.2.3/0").broadcast().to_string(), "255.255.255.255/0");
        assert_eq!(read("::/0").netmask().to_string(), "::");
        assert_eq!(read("10.1.2.3/12").netmask().to_string(), "255.240.0.0");
        assert!(read("10.1.2.3").is_within(read("10.0.0.0/8")) && !read("11.1.2.3").is_within(read("10.0.0.0/8")));
        assert!(read("10.0.0.0/8").overlaps(read("10.1.0.0/16")) && !read("::/0").overlaps(read("0.0.0.0/0")));
    }

    #[test]
    fn order_is_postgresqls() {
        // As PostgreSQL 15 sorts them.
        let sorted =
            ["0.0.0.0/0", "9.0.0.1", "10.0.0.0/8", "10.1.2.3/8", "10.0.0.0/16", "10.0.0.1", "10.0.0.2", "::/0", "::1"];
        let keys: Vec<String> = sorted.iter().map(|text| read(text).order()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
