//! The table of names: each name that was looked up has an address of our own, for as long as the run lasts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// 198.18.0.0/15 (RFC 2544): routed nowhere, so that a connection that misses the relay reaches nobody.
const FIRST: u32 = 0xc612_0000;
const LAST: u32 = 0xc613_ffff;

/// Names and their addresses; bounded, and never handed out twice: an address that a program still remembers must
/// not come to mean another name.
#[derive(Debug)]
pub(crate) struct Names {
    table: Mutex<Table>,
    most: usize,
}

#[derive(Debug, Default)]
struct Table {
    /// In the order in which they came: the place says the address.
    names: Vec<Box<str>>,
    places: HashMap<Box<str>, Ipv4Addr>,
}

impl Names {
    pub(crate) fn new(most: usize) -> Self {
        Self { table: Mutex::default(), most }
    }

    /// The name's address, the same each time; none if the table is full. The name is in its one form.
    pub(crate) fn address_of(&self, name: &str) -> Option<Ipv4Addr> {
        let mut table = self.table();
        if let Some(address) = table.places.get(name) {
            return Some(*address);
        }
        if table.names.len() >= self.most {
            return None;
        }
        let address = address_at(table.names.len())?;
        table.names.push(name.into());
        table.places.insert(name.into(), address);
        Some(address)
    }

    /// The name behind an address of ours (also as IPv4 in IPv6).
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<String> {
        let IpAddr::V4(v4) = address.to_canonical() else {
            return None;
        };
        let place = place_of(v4)?;
        self.table().names.get(place).map(ToString::to_string)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // every change is a push and an insert: a table whose holder died is at worst without its newest name
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an address is one of those that are handed out here.
pub(crate) fn is_ours(address: IpAddr) -> bool {
    matches!(address.to_canonical(), IpAddr::V4(v4) if (FIRST..=LAST).contains(&v4.to_bits()))
}

/// Each block of 256 gives 254: some programs take .0 and .255 for a network's own.
fn address_at(place: usize) -> Option<Ipv4Addr> {
    let place = u32::try_from(place).ok()?;
    let bits = FIRST.checked_add(place.checked_div(254)?.checked_mul(256)?)?;
    let bits = bits.checked_add(place.checked_rem(254)?.checked_add(1)?)?;
    (bits <= LAST).then(|| Ipv4Addr::from_bits(bits))
}

fn place_of(address: Ipv4Addr) -> Option<usize> {
    let offset = address.to_bits().checked_sub(FIRST)?;
    let (block, last) = (offset >> 8, offset & 0xff);
    if !(1..=254).contains(&last) {
        return None;
    }
    usize::try_from(block.checked_mul(254)?.checked_add(last.checked_sub(1)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_address_and_an_address_its_name() {
        let names = Names::new(1000);
        let first = names.address_of("a.example").unwrap();
        assert_eq!(first, Ipv4Addr::new(198, 18, 0, 1));
        for n in 0..600 {
            names.address_of(&format!("n{n}.example")).unwrap();
        }
        assert_eq!(names.address_of("a.example"), Some(first));
        assert_eq!(names.name_of(first.into()).as_deref(), Some("a.example"));
        let mapped = IpAddr::V6(first.to_ipv6_mapped());
        assert_eq!(names.name_of(mapped).as_deref(), Some("a.example"));
        assert_eq!(names.name_of("198.18.0.0".parse().unwrap()), None);
        assert_eq!(names.name_of("198.18.0.255".parse().unwrap()), None);
        assert_eq!(names.name_of("198.18.9.1".parse().unwrap()), None);
        assert_eq!(names.name_of("::1".parse().unwrap()), None);
    }

    #[test]
    fn places_and_addresses_are_each_others_inverse_and_stay_in_the_block() {
        for place in (0..254 * 512).step_by(97).chain([0, 253, 254, 254 * 512 - 1]) {
            let address = address_at(place).unwrap();
            assert!(is_ours(address.into()), "{address}");
            assert_eq!(place_of(address), Some(place), "{address}");
        }
        assert_eq!(address_at(254 * 512), None);
    }

    #[test]
    fn a_full_table_gives_no_more_and_forgets_nothing() {
        let names = Names::new(2);
        let a = names.address_of("a.example").unwrap();
        names.address_of("b.example").unwrap();
        assert_eq!(names.address_of("c.example"), None);
        assert_eq!(names.address_of("a.example"), Some(a));
    }
}
