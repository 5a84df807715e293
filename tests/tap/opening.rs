//! Who may attach to what, and what is left of it.

use std::thread;

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use taphouse::base::limits;
use taphouse::buffer::{CAPACITY, Frame};
use taphouse::device::host::{HostError, Link, LinkLocal};
use taphouse::device::{Device, Plain, Received, Tap, TapError, TapOptions};

use crate::wire::{Lab, STACK};

#[test]
fn opening_makes_it_and_closing_removes_it() {
    let Some(lab) = Lab::new() else { return };
    let tap = lab.open();
    assert!(tap.created());
    let link = lab.link().unwrap();
    assert_eq!((link.kind(), link.mtu()), (Some("tun"), 1500));
    let capabilities = tap.capabilities();
    println!("{capabilities:?}");
    assert!(capabilities.checksum && capabilities.segment_tcp);
    drop(tap);
    assert!(matches!(lab.link(), Err(HostError::NoLink(_))));
}

#[test]
fn only_one_may_have_it() {
    let Some(lab) = Lab::new() else { return };
    let _tap = lab.open();
    let busy = Tap::open(&lab.options()).unwrap_err();
    assert!(matches!(busy, TapError::Busy(_)), "{busy}");
    let queues = Tap::open(&TapOptions { queues: 2, ..lab.options() }).unwrap_err();
    assert!(matches!(queues, TapError::SingleQueue(_, 2)), "{queues}");
}

#[test]
fn queues_are_asked_for_at_creation() {
    let Some(lab) = Lab::new() else { return };
    let two = TapOptions { queues: 2, ..lab.options() };
    let taps = Tap::open(&two).unwrap();
    assert!(taps.len() == 2 && taps.iter().all(Tap::created));
    for options in [lab.options(), two] {
        let busy = Tap::open(&options).unwrap_err();
        assert!(matches!(busy, TapError::Busy(_)), "somebody else would get half of the frames: {busy}");
    }
    drop(taps);
    assert!(lab.link().is_err());
}

#[test]
fn what_existed_stays() {
    let Some(lab) = Lab::new() else { return };
    lab.ip("tuntap add dev tap0 mode tap");
    let refused = Tap::open(&TapOptions { queues: 2, ..lab.options() }).unwrap_err();
    assert!(matches!(refused, TapError::SingleQueue(_, 2)), "{refused}");
    let tap = lab.open();
    assert!(!tap.created());
    drop(tap);
    assert!(lab.link().is_ok());

    lab.ip("tuntap add dev many mode tap multi_queue");
    for queues in [1, 3] {
        let many = Tap::open(&TapOptions { name: "many".to_owned(), queues, ..lab.options() }).unwrap();
        assert!(many.len() == queues && !many[0].created());
    }
    lab.ip("tuntap add dev other mode tun");
    for (name, queues) in [("other", 1), ("other", 2), ("lo", 1)] {
        let other = Tap::open(&TapOptions { name: name.to_owned(), queues, ..lab.options() }).unwrap_err();
        assert!(matches!(other, TapError::NotATap(_)), "{other}");
    }
}

#[test]
fn a_plain_one_of_ours_takes_frames_whole_and_keeps_as_many_as_a_window_covers() {
    let Some(lab) = Lab::new() else { return };
    let mut plain = Plain::open(&lab.options()).unwrap();
    assert!(plain.created());
    assert!(!lab.link().unwrap().scatter_gather().unwrap());
    lab.lay();
    let socket = lab.socket();
    let sent = limits::RECEIVE_BUFFER.1 as usize / 1448;
    for _ in 0..sent {
        socket.send_to(&[0; 1448], (STACK, 9)).unwrap();
    }
    let (mut frame, mut came) = (Frame::new(CAPACITY), 0);
    while plain.receive(&mut frame).unwrap() == Received::Frame {
        came += usize::from(frame.len() == 1448 + 42);
    }
    assert_eq!(came, sent);

    // What somebody else made stays as it is.
    lab.ip("tuntap add dev theirs mode tap");
    let theirs = Plain::open(&TapOptions { name: "theirs".to_owned(), ..lab.options() }).unwrap();
    assert!(!theirs.created());
    assert!(Link::open(&lab.namespace(), "theirs").unwrap().scatter_gather().unwrap());
}

#[test]
fn a_user_may_attach_to_what_was_made_for_him_and_to_nothing_else() {
    let Some(lab) = Lab::with_users() else { return };
    lab.ip("tuntap add dev tap0 mode tap user 0");
    lab.ip("tuntap add dev theirs mode tap user 12345");
    let open = |name: &str| Tap::open(&TapOptions { name: name.to_owned(), ..lab.options() });
    // Capabilities belong to threads: without this one, root is a user like any other.
    let unprivileged = || {
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::NET_ADMIN);
        sets.permitted.remove(CapabilitySet::NET_ADMIN);
        set_capabilities(None, sets).unwrap();
        (open("tap0"), open("theirs"), open("new"), lab.link().unwrap().set_up(LinkLocal::AtOnce))
    };
    let (own, theirs, new, up) = thread::scope(|scope| scope.spawn(unprivileged).join().unwrap());
    assert!(!own.unwrap()[0].created());
    assert!(matches!(theirs, Err(TapError::Denied(_))), "{theirs:?}");
    assert!(matches!(new, Err(TapError::Denied(_))), "{new:?}");
    assert!(matches!(up, Err(HostError::Denied(..))), "{up:?}");
}
