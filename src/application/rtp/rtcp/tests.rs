//! Our reader and writer against `rtcp-types`, and against bytes that nobody means well with.

use proptest::prelude::*;
use rtcp_types::prelude::*;

use super::feedback::missing;
use super::xr::{Block, Dlrr, UNAVAILABLE, VoipMetrics, came};
use super::*;

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc: ssrc.into(),
        fraction_lost: 7,
        lost: ReportBlock::lost_bytes(-3),
        highest: 0x1_0005.into(),
        jitter: 99.into(),
        last_sr: 0x1234_5678.into(),
        delay: 65_536.into(),
    }
}

fn info() -> SenderInfo {
    SenderInfo { ntp: 0x0102_0304_0506_0708.into(), timestamp: 160.into(), packets: 3.into(), octets: 480.into() }
}

fn compound() -> Vec<u8> {
    let mut place = [0; 1500];
    let mut writer = Writer::new(&mut place);
    assert!(writer.sender_report(1, &info(), &[block(2), block(3)]));
    assert!(writer.receiver_report(4, &[]));
    assert!(
        writer.description(1, &[Sdes { kind: item::CNAME, text: b"me" }, Sdes { kind: item::TOOL, text: b"taphouse" }])
    );
    assert!(writer.application(1, 5, b"test", &[1, 2, 3, 4]));
    assert!(writer.nack(1, 2, 1000, !0b1_0000_0000_0000_0000_0010, 64));
    assert!(writer.picture_loss(1, 2));
    assert!(writer.reference_time(1, Ntp(77)));
    assert!(writer.dlrr(1, &[Dlrr { ssrc: 9.into(), last_rr: 8.into(), delay: 7.into() }]));
    assert!(writer.loss_runs(1, 2, 100, 0b1011, 4));
    assert!(writer.bye(1, "gone"));
    writer.bytes().to_vec()
}

#[test]
fn what_we_write_another_reader_reads() {
    let bytes = compound();
    let mut kinds = Vec::new();
    for packet in rtcp_types::Compound::parse(&bytes).unwrap() {
        match packet.unwrap() {
            rtcp_types::Packet::Sr(sr) => {
                assert_eq!((sr.ssrc(), sr.ntp_timestamp(), sr.rtp_timestamp()), (1, 0x0102_0304_0506_0708, 160));
                assert_eq!((sr.packet_count(), sr.octet_count(), sr.n_reports()), (3, 480, 2));
                let first = sr.report_blocks().next().unwrap();
                assert_eq!((first.ssrc(), first.fraction_lost(), first.cumulative_lost()), (2, 7, 0xff_fffd));
                assert_eq!((first.extended_sequence_number(), first.interarrival_jitter()), (0x1_0005, 99));
                assert_eq!(first.last_sender_report_timestamp(), 0x1234_5678);
                assert_eq!(first.delay_since_last_sender_report_timestamp(), 65_536);
                kinds.push("SR");
            }
            rtcp_types::Packet::Rr(rr) => {
                assert_eq!((rr.ssrc(), rr.n_reports()), (4, 0));
                kinds.push("RR");
            }
            rtcp_types::Packet::Sdes(sdes) => {
                let chunk = sdes.chunks().next().unwrap();
                let items: Vec<_> = chunk.items().map(|item| item.value().to_vec()).collect();
                assert_eq!((chunk.ssrc(), items), (1, vec![b"me".to_vec(), b"taphouse".to_vec()]));
                kinds.push("SDES");
            }
            rtcp_types::Packet::Bye(bye) => {
                assert_eq!((bye.ssrcs().collect::<Vec<_>>(), bye.reason()), (vec![1], Some(b"gone".as_slice())));
                kinds.push("BYE");
            }
            rtcp_types::Packet::App(app) => {
                assert_eq!((app.ssrc(), app.subtype(), app.name()), (1, 5, *b"test"));
                kinds.push("APP");
            }
            rtcp_types::Packet::TransportFeedback(nack) => {
                let entries: Vec<u16> = nack.parse_fci::<rtcp_types::Nack<'_>>().unwrap().entries().collect();
                assert_eq!(entries, [980, 999]);
                kinds.push("NACK");
            }
            rtcp_types::Packet::PayloadFeedback(pli) => {
                assert!(pli.parse_fci::<rtcp_types::Pli<'_>>().is_ok());
                kinds.push("PLI");
            }
            rtcp_types::Packet::Xr(_) => kinds.push("XR"),
            rtcp_types::Packet::Unknown(_) => kinds.push("unknown"),
        }
    }
    assert_eq!(kinds, ["SR", "RR", "SDES", "APP", "NACK", "PLI", "XR", "XR", "XR", "BYE"]);
}

#[test]
fn what_another_writer_writes_we_read() {
    let block =
        rtcp_types::ReportBlock::builder(2).fraction_lost(7).cumulative_lost(0xff_fffd).extended_sequence_number(5);
    let sr = rtcp_types::SenderReport::builder(1)
        .ntp_timestamp(77)
        .rtp_timestamp(88)
        .packet_count(9)
        .octet_count(10)
        .add_report_block(block);
    let sdes = rtcp_types::Sdes::builder().add_chunk(
        rtcp_types::SdesChunk::builder(1).add_item(rtcp_types::SdesItem::builder(rtcp_types::SdesItem::CNAME, "name")),
    );
    let bye = rtcp_types::Bye::builder().add_source(1).add_source(6).reason("because");
    let builder = rtcp_types::Compound::builder().add_packet(sr).add_packet(sdes).add_packet(bye);
    let mut bytes = vec![0; builder.calculate_size().unwrap()];
    builder.write_into(&mut bytes).unwrap();
    let packets: Vec<_> = Compound::parse(&bytes, Rule::Compound).unwrap().collect();
    let [Packet::SenderReport { ssrc: 1, info, blocks }, Packet::Sdes(chunks), Packet::Bye { sources, reason }] =
        packets[..]
    else {
        panic!("{packets:?}")
    };
    assert_eq!((info.ntp.get(), info.timestamp.get(), info.packets.get(), info.octets.get()), (77, 88, 9, 10));
    assert_eq!((blocks.len(), blocks[0].lost(), blocks[0].highest.get()), (1, -3, 5));
    assert_eq!(chunks.collect::<Vec<_>>(), [(1, Some(b"name".as_slice()))]);
    assert_eq!((sources.collect::<Vec<_>>(), reason), (vec![1, 6], b"because".as_slice()));
}

#[test]
fn extended_reports_come_back_as_they_were_written() {
    let mut place = [0; 400];
    let mut writer = Writer::new(&mut place);
    let metrics = VoipMetrics { ssrc: 2.into(), mos_lq: 44, rerl: UNAVAILABLE, ..zerocopy::FromZeros::new_zeroed() };
    writer.reference_time(1, Ntp(77));
    writer.dlrr(1, &[Dlrr { ssrc: 9.into(), last_rr: 8.into(), delay: 7.into() }]);
    writer.voip_metrics(1, &metrics);
    writer.loss_runs(1, 2, 100, 0b1011, 4);
    writer.loss_runs(1, 0x0001_0002, 10, !2, 40);
    let packets = Compound::parse(writer.bytes(), Rule::ReducedSize).unwrap();
    let mut blocks = packets.flat_map(|packet| match packet {
        Packet::Extended { ssrc: 1, blocks } => blocks,
        other => panic!("{other:?}"),
    });
    assert!(matches!(blocks.next(), Some(Block::ReceiverReferenceTime(Ntp(77)))));
    let Some(Block::Dlrr([part])) = blocks.next() else { panic!() };
    assert_eq!((part.ssrc.get(), part.last_rr.get(), part.delay.get()), (9, 8, 7));
    let Some(Block::VoipMetrics(read)) = blocks.next() else { panic!() };
    assert_eq!((read.ssrc.get(), read.mos_lq, read.rerl), (2, 44, 127));
    let Some(Block::LossRuns { ssrc: 2, begin: 97, end: 101, chunks }) = blocks.next() else { panic!() };
    assert_eq!(came(chunks).take(4).collect::<Vec<_>>(), [true, false, true, true]);
    let Some(Block::LossRuns { ssrc: 0x0001_0002, begin, end: 11, chunks }) = blocks.next() else { panic!() };
    assert_eq!(begin, 10u16.wrapping_sub(39));
    assert_eq!(came(chunks).take(40).collect::<Vec<_>>(), (0..40).map(|n| n != 38).collect::<Vec<_>>());
    assert!(blocks.next().is_none());
}

#[test]
fn what_cannot_be_is_refused_for_its_reason() {
    let good = compound();
    let parse = |bytes: &[u8]| Compound::parse(bytes, Rule::Compound).map(drop);
    assert_eq!(parse(&good), Ok(()));
    assert_eq!(parse(&[]), Err(Malformed::Truncated));
    assert_eq!(parse(&good[..good.len() - 1]), Err(Malformed::Truncated));
    assert_eq!(parse(&[good.as_slice(), &[0x80]].concat()), Err(Malformed::Truncated));
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        parse(&bytes)
    };
    assert_eq!(changed(0, 0x42), Err(Malformed::Version));
    assert_eq!(changed(0, 0xa2), Err(Malformed::Padding), "the first packet has none");
    assert_eq!(changed(0, 0x9f), Err(Malformed::Short), "31 blocks are not in there");
    assert_eq!(changed(2, 0xff), Err(Malformed::Truncated), "a length beyond the datagram");
    assert_eq!(changed(1, 202), Err(Malformed::NoReport));
    // A packet of other things alone is one of reduced size.
    let mut place = [0; 64];
    let mut writer = Writer::new(&mut place);
    writer.picture_loss(1, 2);
    assert_eq!(parse(writer.bytes()), Err(Malformed::NoReport));
    assert!(Compound::parse(writer.bytes(), Rule::ReducedSize).is_ok());
    // A description without an end, and a reason longer than its packet.
    assert_eq!(parse(&[0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 65, 65]), Err(Malformed::Short));
    assert_eq!(
        parse(&[0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 203, 0, 2, 0, 0, 0, 1, 9, 65, 65, 65]),
        Err(Malformed::Short)
    );
    // Padding behind the last packet.
    assert_eq!(parse(&[0x80, 201, 0, 1, 0, 0, 0, 1, 0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4]), Ok(()));
    for wrong in [0, 3, 12] {
        assert_eq!(
            parse(&[0x80, 201, 0, 1, 0, 0, 0, 1, 0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, wrong]),
            Err(Malformed::Padding)
        );
    }
}

/// Reads everything that there is to be read.
fn read_all(bytes: &[u8], rule: Rule) -> Option<usize> {
    let packets = Compound::parse(bytes, rule).ok()?;
    Some(
        packets
            .map(|packet| match packet {
                Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. } => blocks.len(),
                Packet::Sdes(chunks) => chunks.count(),
                Packet::Bye { sources, reason } => sources.count() + reason.len(),
                Packet::App { data, .. } => data.len(),
                Packet::TransportFeedback { control, .. } | Packet::PayloadFeedback { control, .. } => {
                    missing(control).count()
                }
                Packet::Extended { blocks, .. } => blocks
                    .map(|block| match block {
                        Block::LossRuns { chunks, .. } => came(chunks).count(),
                        Block::Dlrr(parts) => parts.len(),
                        _ => 1,
                    })
                    .sum(),
                Packet::Unknown(_) => 0,
            })
            .sum(),
    )
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_stumble(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes, Rule::ReducedSize);
        read_all(&bytes, Rule::Compound);
    }

    #[test]
    fn no_change_of_a_good_datagram_does(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in 0usize..300) {
        let mut bytes = compound();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(200)));
        read_all(&bytes, Rule::ReducedSize);
    }

    #[test]
    fn a_nack_names_what_is_missing(highest: u16, seen: u128, span in 1u32..128) {
        let mut place = [0; 200];
        let mut writer = Writer::new(&mut place);
        let missing_there: Vec<u16> = (1..=span.min(127)).rev().filter(|back| seen >> back & 1 == 0).map(|back| highest.wrapping_sub(back as u16)).collect();
        let asked = writer.nack(1, 2, highest, seen | 1, span.min(127) + 1);
        prop_assert_eq!(asked, !missing_there.is_empty());
        if asked {
            let Some(Packet::TransportFeedback { control, .. }) = Compound::parse(writer.bytes(), Rule::ReducedSize).unwrap().next() else { panic!() };
            prop_assert_eq!(missing(control).collect::<Vec<_>>(), missing_there);
        }
    }
}
