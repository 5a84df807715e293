//! Groups that are joined, as they are asked for: `239.1.2.3`, or `232.1.2.3@10.77.0.1` for one source of it.

use std::str::FromStr;

use anyhow::{Result, anyhow};
use taphouse::base::address::Address;
use taphouse::base::limits;
use taphouse::stack::Filter;

/// A group, and a source that is wanted in it; all of them, if none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupWish {
    group: Address,
    source: Option<Address>,
}

impl FromStr for GroupWish {
    type Err = String;

    fn from_str(text: &str) -> Result<GroupWish, String> {
        let (group, source) = match text.split_once('@') {
            Some((group, source)) => (group, Some(source)),
            None => (text, None),
        };
        let read = || {
            let group: Address = group.parse().ok().filter(|group: &Address| group.is_multicast())?;
            let source = match source {
                Some(source) => Some(source.parse().ok().filter(|source: &Address| source.is_unicast())?),
                None => None,
            };
            let one_family = source.is_none_or(|source| source.family() == group.family());
            one_family.then_some(GroupWish { group, source })
        };
        let wish = read().ok_or_else(|| {
            format!(
                "`{text}` is no group: write it like 239.1.2.3 or ff15::1, or 232.1.2.3@10.77.0.1 for one source of it"
            )
        })?;
        if wish.source.is_none() && wish.group.is_source_specific() {
            let why = "is a group of which only named sources can be wanted (RFC 4607)";
            return Err(format!("`{text}` {why}: write it like {text}@SOURCE"));
        }
        Ok(wish)
    }
}

/// What is wanted of each group: the sources that are named, or all when it is named without one.
///
/// # Errors
/// More sources are named than a filter takes.
pub(super) fn filters(wishes: &[GroupWish], option: &str) -> Result<Vec<(Address, Filter)>> {
    let mut groups: Vec<Address> = wishes.iter().map(|wish| wish.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let filter = |group: Address| {
        let sources = wishes.iter().filter(|wish| wish.group == group).map(|wish| wish.source);
        let filter = match sources.collect::<Option<Vec<Address>>>() {
            None => Filter::everything(),
            Some(sources) => Filter::only(&sources).ok_or_else(|| {
                let most = limits::GROUP_SOURCES;
                anyhow!("--{option}: more than {most} sources of {group}: leave some out, or name the group alone")
            })?,
        };
        Ok((group, filter))
    };
    groups.into_iter().map(filter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(texts: &[&str]) -> Vec<GroupWish> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn sources_of_one_group_are_wanted_together() {
        let all = filters(&wishes(&["232.1.2.3@10.77.0.1", "ff15::1", "232.1.2.3@10.77.0.9"]), "group").unwrap();
        let address = |text: &str| text.parse::<Address>().unwrap();
        let two = Filter::only(&[address("10.77.0.1"), address("10.77.0.9")]).unwrap();
        assert_eq!(all, [(address("232.1.2.3"), two), (address("ff15::1"), Filter::everything())]);
        let whole = filters(&wishes(&["239.1.2.3@10.77.0.1", "239.1.2.3"]), "group").unwrap();
        assert_eq!(whole, [(address("239.1.2.3"), Filter::everything())], "the whole group has this source, too");
        let many: Vec<String> = (1..=33).map(|last| format!("232.1.2.3@10.0.0.{last}")).collect();
        let why = filters(&wishes(&many.iter().map(String::as_str).collect::<Vec<_>>()), "group").unwrap_err();
        assert!(why.to_string().starts_with("--group: more than 32 sources of 232.1.2.3"), "{why}");
    }

    #[test]
    fn what_is_no_group_is_told() {
        for bad in ["10.77.0.1", "232.1.2.3@ff15::1", "232.1.2.3@fd77::1", "ff15::1@", "all"] {
            let why = bad.parse::<GroupWish>().unwrap_err();
            assert!(why.starts_with(&format!("`{bad}` is no group: write it like 239.1.2.3")), "{why}");
        }
        for bad in ["232.1.2.3", "ff35::8000:1234"] {
            let why = bad.parse::<GroupWish>().unwrap_err();
            assert!(why.ends_with(&format!("write it like {bad}@SOURCE")), "{why}");
        }
    }
}
