//! IGMP and MLD, of which neither etherparse nor pnet_packet knows more than the numbers: bytes written by hand as the RFCs draw
//! them.

use std::time::Duration;

use proptest::prelude::*;
use taphouse::base::address::{Address, Family};
use taphouse::base::counters::Dropped;
use taphouse::wire::checksum::Sum;
use taphouse::wire::membership::{RecordKind, Report, Version};
use taphouse::wire::{igmp, mld};
use zerocopy::IntoBytes;

use super::{bytes, damaged};

const GROUP4: [u8; 4] = [232, 1, 2, 3];
const GROUP6: [u8; 16] = [0xff, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34];

/// An IGMP message with its checksum.
fn summed(mut message: Vec<u8>) -> Vec<u8> {
    let checksum = Sum::of(&message).checksum();
    message[2..4].copy_from_slice(&checksum);
    message
}

fn query(message: &[u8]) -> igmp::Message<'_> {
    igmp::Message::parse(message).unwrap()
}

#[test]
fn the_version_of_an_igmp_query_follows_from_length_and_code() {
    let first = summed(vec![0x11, 0, 0, 0, 0, 0, 0, 0]);
    let igmp::Message::Query(read) = query(&first) else { panic!() };
    assert_eq!((read.version, read.delay, read.group), (Version::Oldest, Duration::from_secs(10), None));

    let second = summed(vec![0x11, 100, 0, 0, 232, 1, 2, 3]);
    let igmp::Message::Query(read) = query(&second) else { panic!() };
    let group = Address::from_v4(GROUP4);
    assert_eq!((read.version, read.delay, read.group), (Version::Old, Duration::from_secs(10), Some(group)));

    let third = summed(vec![0x11, 0x8f, 0, 0, 232, 1, 2, 3, 0x0b, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2]);
    let igmp::Message::Query(read) = query(&third) else { panic!() };
    assert_eq!((read.version, read.delay, read.group), (Version::Current, Duration::from_millis(24_800), Some(group)));
    assert_eq!((read.robustness, read.interval), (Some(3), Some(Duration::from_secs(125))));
    let sources: Vec<Address> = read.sources().collect();
    assert_eq!(sources, [[10, 0, 0, 1], [10, 0, 0, 2]].map(Address::from_v4));

    let silent = summed(vec![0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let igmp::Message::Query(read) = query(&silent) else { panic!() };
    assert_eq!((read.robustness, read.interval, read.has_sources()), (None, None, false));
}

#[test]
fn the_version_of_an_mld_query_follows_from_its_length() {
    let first = [&[130, 0, 0, 0, 0x27, 0x10, 0, 0][..], &[0; 16]].concat();
    let mld::Message::Query(read) = mld::Message::parse(&first).unwrap() else { panic!() };
    assert_eq!((read.version, read.delay, read.group), (Version::Old, Duration::from_secs(10), None));

    let source: [u8; 16] = *b"\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07";
    let second = [&[130, 0, 0, 0, 0x80, 1, 0, 0][..], &GROUP6, &[2, 0x8f, 0, 1], &source].concat();
    let mld::Message::Query(read) = mld::Message::parse(&second).unwrap() else { panic!() };
    let group = Address::from_v6(GROUP6);
    assert_eq!((read.version, read.delay, read.group), (Version::Current, Duration::from_millis(32_776), Some(group)));
    assert_eq!((read.robustness, read.interval), (Some(2), Some(Duration::from_secs(248))));
    assert_eq!(read.sources().collect::<Vec<_>>(), [Address::from_v6(source)]);
}

#[test]
fn messages_that_cannot_be_are_refused() {
    let wrong_sum = vec![0x11, 0, 0, 1, 0, 0, 0, 0];
    let one_host = summed(vec![0x11, 100, 0, 0, 10, 0, 0, 1]);
    let between = summed(vec![0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0]);
    let too_few_sources = summed(vec![0x11, 100, 0, 0, 232, 1, 2, 3, 2, 125, 0, 2, 10, 0, 0, 1]);
    let sources_of_all = summed(vec![0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 1, 10, 0, 0, 1]);
    let short = summed(vec![0x11, 100, 0, 0, 0, 0]);
    let report_of_one = summed(vec![0x16, 0, 0, 0, 10, 0, 0, 1]);
    for bad in [wrong_sum, one_host, between, too_few_sources, sources_of_all, short, report_of_one] {
        assert_eq!(igmp::Message::parse(&bad), Err(Dropped::BadIgmp), "{bad:02x?}");
    }
    let head = |group: [u8; 16]| [&[130, 0, 0, 0, 0x27, 0x10, 0, 0][..], &group].concat();
    let between = [head([0; 16]), vec![2, 125, 0]].concat();
    let too_few_sources = [head(GROUP6), vec![2, 125, 0, 1]].concat();
    let sources_of_all = [head([0; 16]), vec![2, 125, 0, 1], vec![1; 16]].concat();
    for bad in [between, too_few_sources, sources_of_all, head([1; 16]), head([0; 16])[..23].to_vec(), Vec::new()] {
        assert_eq!(mld::Message::parse(&bad), Err(Dropped::BadMld), "{bad:02x?}");
    }
}

#[test]
fn what_we_write_is_as_the_rfcs_draw_it() {
    let group = Address::from_v4(GROUP4);
    assert_eq!(igmp::Header::new(igmp::kind::REPORT_V2, group).as_bytes(), summed(vec![0x16, 0, 0, 0, 232, 1, 2, 3]));
    assert_eq!(igmp::Header::new(igmp::kind::LEAVE, group).as_bytes(), summed(vec![0x17, 0, 0, 0, 232, 1, 2, 3]));
    let group = Address::from_v6(GROUP6);
    let done = [&[132, 0, 0, 0, 0, 0, 0, 0][..], &GROUP6].concat();
    assert_eq!(mld::Header::new(mld::kind::DONE, group).as_bytes(), done);

    let mut report = Report::new(Family::V6, 1000);
    assert_eq!(report.add(RecordKind::ToExclude, group, &[]), Some(0));
    assert_eq!(report.add(RecordKind::IsInclude, group, &[Address::from_v6([7; 16])]), Some(1));
    let records = [&[4, 0, 0, 0][..], &GROUP6, &[1, 0, 0, 1], &GROUP6, &[7; 16]].concat();
    assert_eq!(report.finish(), [&[143, 0, 0, 0, 0, 0, 0, 2][..], &records].concat());
}

/// Reports of old versions, and of other hosts.
#[test]
fn reports_are_read() {
    let group = Address::from_v4(GROUP4);
    for kind in [0x12, 0x16] {
        assert_eq!(query(&summed(vec![kind, 0, 0, 0, 232, 1, 2, 3])), igmp::Message::Report(group));
    }
    for kind in [0x13, 0x17, 0x22] {
        assert_eq!(query(&summed(vec![kind, 0, 0, 0, 0, 0, 0, 0])), igmp::Message::Other);
    }
    let report = [&[131, 0, 0, 0, 0, 0, 0, 0][..], &GROUP6].concat();
    assert_eq!(mld::Message::parse(&report), Ok(mld::Message::Report(Address::from_v6(GROUP6))));
    assert_eq!(mld::Message::parse(&[143, 0, 0, 0, 0, 0, 0, 0]), Ok(mld::Message::Other));
}

proptest! {
    /// Whatever comes, a query that is read has as many sources as its message has room for.
    #[test]
    fn arbitrary_and_damaged_messages_do_no_harm(
        wild in bytes(0..80),
        hurt in damaged(Just(summed(vec![0x11, 100, 0, 0, 232, 1, 2, 3, 2, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2])))
    ) {
        for message in [summed([&[0x11, 1, 0, 0][..], &wild].concat()), hurt, wild.clone()] {
            if let Ok(igmp::Message::Query(read)) = igmp::Message::parse(&message) {
                prop_assert!(12 + 4 * read.sources().count() <= message.len().max(12));
                prop_assert!(read.group.is_none_or(Address::is_multicast));
            }
        }
        if let Ok(mld::Message::Query(read)) = mld::Message::parse(&[&[130, 0, 0, 0][..], &wild].concat()) {
            prop_assert!(28 + 16 * read.sources().count() <= (wild.len() + 4).max(28));
        }
    }
}
