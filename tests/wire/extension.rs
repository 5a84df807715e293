use etherparse::{
    IpFragOffset, IpNumber, Ipv6FragmentHeader, Ipv6FragmentHeaderSlice, Ipv6RawExtHeader, Ipv6RawExtHeaderSlice,
};
use pnet_packet::Packet as _;
use pnet_packet::ipv6::{ExtensionPacket, FragmentPacket, MutableExtensionPacket, MutableFragmentPacket};
use proptest::collection::vec;
use proptest::prelude::*;
use taphouse::wire::extension::{Fragment, Header, options};
use zerocopy::FromBytes;

use super::bytes;

/// An option, or padding in front of one.
#[derive(Clone, Debug)]
enum Piece {
    Pad1,
    PadN(u8),
    Option(u8, Vec<u8>),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        Just(Piece::Pad1),
        (0..8u8).prop_map(Piece::PadN),
        (2..=255u8, bytes(0..20)).prop_map(|(kind, data)| Piece::Option(kind, data)),
    ]
}

proptest! {
    #[test]
    fn what_they_build_we_read(next_header: u8, units in 0..=255u8, filling: u8) {
        // What follows the first two bytes; the length counts eight bytes less than there are.
        let content = vec![filling; 6 + 8 * usize::from(units)];
        let by_etherparse = Ipv6RawExtHeader::new_raw(IpNumber(next_header), &content).unwrap().to_bytes();

        let mut by_pnet = MutableExtensionPacket::owned(vec![0; 2 + content.len()]).unwrap();
        by_pnet.set_next_header(pnet_packet::ip::IpNextHeaderProtocol(next_header));
        by_pnet.set_hdr_ext_len(units);
        by_pnet.set_options(&content);

        for bytes in [&by_etherparse, by_pnet.packet()] {
            let (header, _) = Header::ref_from_prefix(bytes).unwrap();
            prop_assert_eq!((header.next_header, header.first), (next_header, [filling; 2]));
            prop_assert_eq!(header.length(), 2 + content.len());
        }
    }

    #[test]
    fn any_header_reads_alike(bytes in bytes(8..80)) {
        let (header, _) = Header::ref_from_prefix(&bytes).unwrap();
        let theirs = Ipv6RawExtHeaderSlice::from_slice(&bytes);
        // We ask a header for its length before we ask whether it is all there.
        prop_assert_eq!(header.length() <= bytes.len(), theirs.is_ok());
        if let Ok(theirs) = theirs {
            prop_assert_eq!((header.next_header, header.length()), (theirs.next_header().0, theirs.slice().len()));
            prop_assert_eq!(&header.first, &theirs.payload()[..2]);
            prop_assert_eq!(ExtensionPacket::new(&bytes).unwrap().get_next_header().0, header.next_header);
        }
    }

    #[test]
    fn fragment_headers_that_they_build_we_read(next_header: u8, offset in 0..1u16 << 13, more: bool, name: u32) {
        let offset_in_range = IpFragOffset::try_new(offset).unwrap();
        let by_etherparse = Ipv6FragmentHeader::new(IpNumber(next_header), offset_in_range, more, name).to_bytes();

        let mut by_pnet = MutableFragmentPacket::owned(vec![0; 8]).unwrap();
        by_pnet.set_next_header(pnet_packet::ip::IpNextHeaderProtocol(next_header));
        by_pnet.set_fragment_offset_with_flags(offset << 3 | u16::from(more));
        by_pnet.set_id(name);

        for bytes in [&by_etherparse, by_pnet.packet()] {
            let fragment = Fragment::ref_from_bytes(bytes).unwrap();
            prop_assert_eq!((fragment.next_header, fragment.identification.get()), (next_header, name));
            prop_assert_eq!(fragment.is_atomic(), offset == 0 && !more);
        }
    }

    #[test]
    fn any_fragment_header_reads_alike(bytes: [u8; 8], is_first_and_last: bool) {
        let mut bytes = bytes;
        if is_first_and_last {
            // Rare by chance. The two reserved bits stay as they are and must not matter.
            bytes[2] = 0;
            bytes[3] &= 0x06;
        }
        let fragment = Fragment::ref_from_bytes(&bytes).unwrap();
        let theirs = Ipv6FragmentHeaderSlice::from_slice(&bytes).unwrap();
        prop_assert_eq!(fragment.next_header, theirs.next_header().0);
        prop_assert_eq!(fragment.identification.get(), theirs.identification());
        prop_assert_eq!(fragment.is_atomic(), !theirs.is_fragmenting_payload());

        let theirs = FragmentPacket::new(&bytes).unwrap();
        prop_assert_eq!(fragment.next_header, theirs.get_next_header().0);
        prop_assert_eq!(fragment.identification.get(), theirs.get_id());
    }

    // Neither of the two looks into options, so these are held against what was written.
    #[test]
    fn options_are_found_and_padding_is_not(pieces in vec(piece(), 0..20)) {
        let mut bytes = Vec::new();
        let mut written = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Pad1 => bytes.push(0),
                Piece::PadN(length) => {
                    bytes.extend([1, length]);
                    bytes.resize(bytes.len() + usize::from(length), 0);
                }
                Piece::Option(kind, data) => {
                    written.push((kind, bytes.len(), data.clone()));
                    bytes.extend([kind, data.len() as u8]);
                    bytes.extend(data);
                }
            }
        }
        let found: Result<Vec<_>, usize> = options(&bytes)
            .map(|option| option.map(|option| (option.kind, option.position, option.data.to_vec())))
            .collect();
        prop_assert_eq!(found, Ok(written));
    }

    #[test]
    fn any_options_come_to_an_end(bytes in bytes(0..80)) {
        let found: Vec<_> = options(&bytes).collect();
        let errors = found.iter().filter(|option| option.is_err()).count();
        prop_assert!(errors == 0 || errors == 1 && found[found.len() - 1].is_err());
    }
}
