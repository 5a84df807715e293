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
#[error("UDP port {0} is in use")]
pub struct InUse(pub u16);

/// What listens at an endpoint.
pub struct Bound<T> {
    /// Where; any address of ours when it is unspecified.
    pub local: Endpoint,
    /// Who.
    pub owner: T,
}

/// The UDP endpoints of a stack.
pub struct Endpoints<T> {
    bound: Slab<Bound<T>>,
    index: HashTable<u32>,
    key: HashKey,
    /// How many are bound to one address: as long as there are none, one look-up is enough.
    specific: usize,
}

impl<T> Endpoints<T> {
    /// Nobody listens.
    pub fn new(random: &mut Random) -> Endpoints<T> {
        Endpoints {
            bound: Slab::new(limits::UDP_ENDPOINTS),
            index: HashTable::new(),
            key: HashKey::new(random),
            specific: 0,
        }
    }

    /// Lets `owner` listen at a port of one address, or of any.
    pub fn bind(&mut self, address: Option<Address>, port: u16, owner: T) -> Result<EndpointId<T>, InUse> {
        let local = Endpoint { address: address.unwrap_or_default(), port };
        if self.at(local).is_some() {
            return Err(InUse(port));
        }
        let id = self.bound.insert(Bound { local, owner }).map_err(|_| InUse(port))?;
        let (bound, key) = (&self.bound, &self.key);
        let hash_at = |index: &u32| bound.at(*index).map_or(0, |bound| key.hash(bound.local));
        self.index.insert_unique(key.hash(local), id.index(), hash_at);
        self.specific += usize::from(address.is_some());
        Ok(id)
    }

    /// Who listens at an address and port: the one bound to just that address before the one bound to any.
    #[inline]
    pub fn find(&self, local: Endpoint) -> Option<EndpointId<T>> {
        let specific = if self.specific > 0 { self.at(local) } else { None };
        specific.or_else(|| self.at(Endpoint { address: Address::UNSPECIFIED, port: local.port }))
    }

    /// What is bound under an id.
    #[inline]
    pub fn get_mut(&mut self, id: EndpointId<T>) -> Option<&mut Bound<T>> {
        self.bound.get_mut(id)
    }

    /// Nobody listens there any more.
    pub fn unbind(&mut self, id: EndpointId<T>) -> Option<Bound<T>> {
        let bound = self.bound.remove(id)?;
        if let Ok(found) = self.index.find_entry(self.key.hash(bound.local), |at| *at == id.index()) {
            found.remove();
        }
        self.specific -= usize::from(bound.local.address != Address::UNSPECIFIED);
        Some(bound)
    }

    fn at(&self, local: Endpoint) -> Option<EndpointId<T>> {
        let same = |index: &u32| self.bound.at(*index).is_some_and(|bound| bound.local == local);
        let index = *self.index.find(self.key.hash(local), same)?;
        self.bound.id_at(index)
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
        let at = |endpoints: &Endpoints<_>, address, port| endpoints.find(Endpoint { address, port });
        assert_eq!(at(&endpoints, one, 7), Some(specific));
        assert_eq!(at(&endpoints, two, 7), Some(any));
        assert_eq!(at(&endpoints, two, 9), None);
        assert_eq!(endpoints.unbind(specific).unwrap().owner, "one");
        assert_eq!(at(&endpoints, one, 7), Some(any));
    }
}
