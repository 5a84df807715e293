//! Captures from elsewhere, many of them malformed on purpose. They lie beside the project, not in it, so where there
//! are none this says so; what is here always are the frames of `frames.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};

use crate::{frames, ground, hosts, parsers};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");

#[test]
fn every_frame_of_every_capture_as_it_is_and_turned_towards_us() {
    let mut files = Vec::new();
    find(Path::new(CORPUS), &mut files);
    if files.is_empty() {
        return ground::skipped("there are no captures in ../shared/corpus");
    }
    let (mut captures, mut seen) = (0, 0);
    for file in &files {
        let frames = read(file);
        captures += usize::from(!frames.is_empty());
        seen += frames.len();
        // More than one host's share of a turn, less than its wire holds.
        frames.chunks(300).for_each(try_out);
    }
    println!("{seen} frames of {captures} captures in {} files", files.len());
    assert!(captures > files.len() / 2, "{captures} of {} files could be read", files.len());
}

fn try_out(frames: &[Vec<u8>]) {
    let mut all = frames.to_vec();
    for frame in frames {
        let mut aimed = frame.clone();
        frames::aim(&mut aimed);
        all.push(aimed.clone());
        frames::repair(&mut aimed);
        all.push(aimed);
    }
    for frame in &all {
        parsers::link(frame);
        for at in [14, 34, 54] {
            let rest = frame.get(at..).unwrap_or_default();
            parsers::internet(rest);
            parsers::transport(rest);
        }
    }
    assert_eq!(hosts::counters_of(&all).frames_received, all.len() as u64);
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder that was opened can be read").path();
        if path.is_dir() {
            find(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

/// The frames of a file as far as it can be read; some captures are broken themselves.
fn read(file: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(file).expect("the captures can be read");
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("bin") => vec![bytes],
        Some("pcap") => pcap(&bytes),
        Some("pcapng") => pcapng(&bytes),
        _ => Vec::new(),
    }
}

fn pcap(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let Ok(mut reader) = PcapReader::new(bytes) else { return frames };
    let link = reader.header().datalink;
    while let Some(Ok(packet)) = reader.next_raw_packet() {
        frames.push(framed(link, &packet.data));
    }
    frames
}

fn pcapng(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let Ok(mut reader) = PcapNgReader::new(bytes) else { return frames };
    let mut link = DataLink::ETHERNET;
    while let Some(Ok(block)) = reader.next_block() {
        match block {
            Block::InterfaceDescription(interface) => link = interface.linktype,
            Block::EnhancedPacket(packet) => frames.push(framed(link, &packet.data)),
            Block::SimplePacket(packet) => frames.push(framed(link, &packet.data)),
            _ => {}
        }
    }
    frames
}

/// A packet that was captured without an Ethernet header gets one.
fn framed(link: DataLink, packet: &[u8]) -> Vec<u8> {
    let ether_type = match (link, packet.first().map_or(0, |first| first >> 4)) {
        (DataLink::RAW | DataLink::IPV4 | DataLink::IPV6, 4) => [8, 0],
        (DataLink::RAW | DataLink::IPV4 | DataLink::IPV6, 6) => [0x86, 0xdd],
        _ => return packet.to_vec(),
    };
    [&frames::HOST_MAC[..], &frames::PEER_MAC, &ether_type, packet].concat()
}
