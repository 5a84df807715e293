//! Who listens where: found by hash, in the same time however many there are.

use hashbrown::HashTable;

use crate::base::address::{Address, Endpoint};
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::slab::{Id, Slab};

/// Names an endpoint while it is bound.
pub type EndpointId<T> = Id<Bound<T>>;

/// Somebody listens there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port {0} is in use")]
pub struct InUse(pub u16);

/// What listens at an endpoint.
pub struct Bound<T> {
    /// Where; any address of ours when it is unspecified.
    pub local: Endpoint,
    /// Who.
    pub owner: T,
}

/// The endpoints of one transport protocol.
pub struct Endpoints<T> {
    bound: Slab<Bound<T>>,
    /// By port, which is all that most of them are bound to.
    index: HashTable<Entry>,
    key: HashKey,
    /// How many are bound to one address: as long as there are none, one look-up is enough.
    specific: usize,
    /// What was found last, while it is there: much of what is sent comes in bursts.
    last: Option<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    port: u16,
    any_address: bool,
    index: u32,
}

impl<T> Endpoints<T> {
    /// Nobody listens.
    pub fn new(random: &mut Random) -> Endpoints<T> {
        let (bound, index) = (Slab::new(limits::ENDPOINTS), HashTable::new());
        Endpoints { bound, index, key: HashKey::new(random), specific: 0, last: None }
    }

    /// Lets `owner` listen at a port of one address, or of any.
    pub fn bind(&mut self, address: Option<Address>, port: u16, owner: T) -> Result<EndpointId<T>, InUse> {
        let taken = match address {
            Some(address) => self.at_address(address, port),
            None => self.at_any(port).map(|entry| entry.index),
        };
        if taken.is_some() {
            return Err(InUse(port));
        }
        let local = Endpoint { address: address.unwrap_or_default(), port };
        let id = self.bound.insert(Bound { local, owner }).map_err(|_| InUse(port))?;
        let entry = Entry { port, any_address: address.is_none(), index: id.index() };
        self.index.insert_unique(self.key.hash(port), entry, |entry| self.key.hash(entry.port));
        self.specific += usize::from(address.is_some());
        Ok(id)
    }

    /// Who listens at an address and port: the one bound to just that address before the one bound to any.
    #[inline(always)]
    pub fn find(&mut self, local: &Endpoint) -> Option<&mut Bound<T>> {
        let index = match self.last {
            Some(last) if self.specific == 0 && last.port == local.port => last.index,
            _ => self.look_up(local)?,
        };
        self.bound.at_mut(index)
    }

    #[inline(never)]
    fn look_up(&mut self, local: &Endpoint) -> Option<u32> {
        let specific = if self.specific > 0 { self.at_address(local.address, local.port) } else { None };
        if specific.is_some() {
            return specific;
        }
        self.last = self.at_any(local.port);
        self.last.map(|last| last.index)
    }

    /// Nobody listens there any more.
    pub fn unbind(&mut self, id: EndpointId<T>) -> Option<Bound<T>> {
        let bound = self.bound.remove(id)?;
        self.last = None;
        if let Ok(found) = self.index.find_entry(self.key.hash(bound.local.port), |at| at.index == id.index()) {
            let (entry, _) = found.remove();
            self.specific -= usize::from(!entry.any_address);
        }
        Some(bound)
    }

    /// Nobody listens at a port of any address any more.
    pub fn unbind_any(&mut self, port: u16) -> Option<Bound<T>> {
        let id = self.bound.id_at(self.at_any(port)?.index)?;
        self.unbind(id)
    }

    /// Every port at which somebody listens on any address.
    pub fn ports(&self) -> Vec<u16> {
        self.index.iter().filter(|entry| entry.any_address).map(|entry| entry.port).collect()
    }

    fn at_any(&self, port: u16) -> Option<Entry> {
        let here = |entry: &Entry| entry.port == port && entry.any_address;
        self.index.find(self.key.hash(port), here).copied()
    }

    fn at_address(&self, address: Address, port: u16) -> Option<u32> {
        let here = |entry: &Entry| {
            let bound = self.bound.at(entry.index);
            !entry.any_address && bound.is_some_and(|bound| bound.local == Endpoint { address, port })
        };
        self.index.find(self.key.hash(port), here).map(|entry| entry.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specific_address_comes_first() {
        let mut endpoints = Endpoints::new(&mut Random::new([0; 16]));
        let [one, two] = [1, 2].map(|last| Address::from_v4([10, 0, 0, last]));
        let any = endpoints.bind(None, 7, "any").unwrap();
        let specific = endpoints.bind(Some(one), 7, "one").unwrap();
        assert_eq!(endpoints.bind(None, 7, "again"), Err(InUse(7)));
        fn at<'a>(endpoints: &mut Endpoints<&'a str>, address: Address, port: u16) -> Option<&'a str> {
            endpoints.find(&Endpoint { address, port }).map(|bound| bound.owner)
        }
        assert_eq!(at(&mut endpoints, one, 7), Some("one"));
        assert_eq!(at(&mut endpoints, two, 7), Some("any"));
        assert_eq!(at(&mut endpoints, two, 9), None);
        assert_eq!(endpoints.unbind(specific).unwrap().owner, "one");
        assert_eq!(at(&mut endpoints, one, 7), Some("any"));
        endpoints.unbind(any).unwrap();
        assert_eq!(at(&mut endpoints, one, 7), None);
    }
}
