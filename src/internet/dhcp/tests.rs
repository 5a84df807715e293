use super::*;

const STATION: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
const SERVER: [u8; 4] = [10, 77, 0, 1];
const OURS: [u8; 4] = [10, 77, 0, 9];

fn reply(client: &Client, kind: u8, lease: u32) -> Reply {
    Reply {
        kind,
        transaction: client.transaction,
        yours: OURS,
        server: Some(SERVER),
        prefix: Some(24),
        lease: Some(lease),
        ..Reply::default()
    }
}

struct Run {
    client: Client,
    random: Random,
    now: Instant,
}

impl Run {
    fn new() -> Run {
        Run::remembering(None)
    }

    /// One that had our address before, until so many seconds from now.
    fn again(seconds: u64) -> Run {
        let until = Instant::from_millis(1000 + 1000 * seconds);
        Run::remembering(Some(Remembered { address: Address::from_v4(OURS), until }))
    }

    fn remembering(last: Option<Remembered>) -> Run {
        let mut random = Random::new([5; 16]);
        Run { client: Client::new(last, &mut random), random, now: Instant::from_millis(1000) }
    }

    /// Lets time pass until something is sent, or changes.
    fn next(&mut self) -> (Option<Letter>, Option<News>) {
        loop {
            self.now = self.now.max(self.client.deadline());
            match self.client.on_timer(&mut self.random, self.now) {
                (None, None) => {}
                done => return done,
            }
        }
    }

    fn sent(&mut self) -> Letter {
        match self.next() {
            (Some(letter), None) => letter,
            other => panic!("{other:?}"),
        }
    }

    fn take(&mut self, reply: &Reply) -> Result<(Option<Letter>, Option<News>), Dropped> {
        self.client.take(reply, STATION, &mut self.random, self.now)
    }

    /// Until there is a lease of so many seconds.
    fn bound(lease: u32) -> Run {
        let mut run = Run::new();
        assert_eq!(run.sent().kind, kind::DISCOVER);
        let offer = reply(&run.client, kind::OFFER, lease);
        let (letter, _) = run.take(&offer).unwrap();
        assert_eq!(letter.map(|letter| letter.kind), Some(kind::REQUEST));
        let ack = reply(&run.client, kind::ACK, lease);
        assert!(matches!(run.take(&ack), Ok((None, Some(News::Leased(_))))));
        run
    }
}

/// RFC 2131 §4.4.1, §3.1.
#[test]
fn an_offer_is_asked_for_and_becomes_a_lease() {
    let mut run = Run::new();
    let begin = run.now;
    let discover = run.sent();
    assert!(run.now.since(begin) <= limits::DHCP_DELAY);
    assert_eq!((discover.from, discover.to), (Address::UNSPECIFIED_V4, Address::BROADCAST));
    let offer = reply(&run.client, kind::OFFER, 3600);
    let (request, news) = run.take(&offer).unwrap();
    let request = request.unwrap();
    assert_eq!((request.requested, request.server, news), (Some(OURS), Some(SERVER), None));
    assert_eq!((request.to, request.transaction), (Address::BROADCAST, discover.transaction));
    let ack = Reply { routers: [SERVER].into_iter().collect(), ..reply(&run.client, kind::ACK, 3600) };
    let Ok((None, Some(News::Leased(lease)))) = run.take(&ack) else { panic!() };
    assert_eq!((lease.own.to_string(), lease.server), ("10.77.0.9/24".to_owned(), Address::from_v4(SERVER)));
    assert_eq!(lease.routes[..], [(anywhere(Family::V4), Some(Address::from_v4(SERVER)))]);
    let after = |seconds| run.now + Duration::from_secs(seconds);
    assert_eq!((lease.renew_at, lease.rebind_at, lease.until), (after(1800), after(3150), after(3600)));
    assert_eq!(run.take(&ack), Err(Dropped::DhcpNotForUs), "nothing is asked any more");
}

/// RFC 2131 §4.1.
#[test]
fn questions_back_off_within_their_bounds() {
    for seed in 0..200u8 {
        let mut random = Random::new([seed; 16]);
        let mut run = Run { client: Client::new(None, &mut random), random, now: Instant::from_millis(1) };
        let mut last = None;
        for about in [0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0] {
            assert_eq!(run.sent().kind, kind::DISCOVER);
            if let Some(last) = last.replace(run.now) {
                let wait = run.now.since(last).as_secs_f64();
                assert!((about - 1.0..=about + 1.0).contains(&wait), "{wait} for {about}");
            }
        }
    }
}

#[test]
fn an_offer_that_is_not_confirmed_is_given_up() {
    let mut run = Run::new();
    let first = run.sent();
    let offer = reply(&run.client, kind::OFFER, 3600);
    run.take(&offer).unwrap();
    for _ in 1..limits::DHCP_REQUESTS {
        assert_eq!(run.sent().kind, kind::REQUEST);
    }
    let anew = run.sent();
    assert_eq!(anew.kind, kind::DISCOVER);
    assert_ne!(anew.transaction, first.transaction);
    // Refused, it waits a while.
    let offer = reply(&run.client, kind::OFFER, 3600);
    run.take(&offer).unwrap();
    let nak = reply(&run.client, kind::NAK, 0);
    assert_eq!(run.take(&nak), Ok((None, None)));
    let refused = run.now;
    assert_eq!(run.sent().kind, kind::DISCOVER);
    assert!(run.now.since(refused) >= limits::DHCP_PAUSE);
}

/// RFC 2131 §3.2, §4.3.2, §4.4.2: INIT-REBOOT.
#[test]
fn a_lease_from_before_is_asked_for_again() {
    let mut run = Run::again(3600);
    let request = run.sent();
    assert_eq!((request.kind, request.requested, request.server), (kind::REQUEST, Some(OURS), None));
    assert_eq!((request.from, request.to), (Address::UNSPECIFIED_V4, Address::BROADCAST));
    assert_eq!(run.client.lease(), None, "it is not used before it is granted");
    let ack = reply(&run.client, kind::ACK, 7200);
    let another = Reply { yours: [10, 77, 0, 10], ..ack.clone() };
    for wrong in [another, Reply { server: None, ..ack.clone() }, Reply { server: Some([255; 4]), ..ack.clone() }] {
        assert_eq!(run.take(&wrong), Err(Dropped::DhcpRefused));
    }
    let asked = run.now;
    run.now = asked + Duration::from_secs(2);
    let Ok((None, Some(News::Leased(lease)))) = run.take(&ack) else { panic!() };
    assert_eq!((lease.own.address(), lease.server), (Address::from_v4(OURS), Address::from_v4(SERVER)));
    assert_eq!(lease.until, asked + Duration::from_secs(7200));
    assert_eq!(run.sent().to, Address::from_v4(SERVER), "renewed like any other");
}

/// RFC 2131 §3.2: a refusal begins anew, and the address is asked for no more.
#[test]
fn a_lease_from_before_that_is_refused_is_forgotten() {
    let mut run = Run::again(3600);
    let first = run.sent();
    let nak = reply(&run.client, kind::NAK, 0);
    assert_eq!(run.take(&nak), Ok((None, Some(News::Refused(Address::from_v4(OURS), None)))));
    let refused = run.now;
    let discover = run.sent();
    assert_eq!((discover.kind, discover.requested, run.now), (kind::DISCOVER, None, refused));
    assert_ne!(discover.transaction, first.transaction);
}

/// RFC 2131 §4.3.2: a server that does not know it is silent. §4.4.1: it may be wished for.
#[test]
fn a_lease_from_before_of_which_nobody_knows_is_only_wished_for() {
    let mut run = Run::again(3600);
    let begin = run.now;
    for _ in 0..limits::DHCP_REBOOT_REQUESTS {
        assert_eq!(run.sent().kind, kind::REQUEST);
    }
    for _ in 0..9 {
        let discover = run.sent();
        assert_eq!((discover.kind, discover.requested, discover.server), (kind::DISCOVER, Some(OURS), None));
    }
    assert!(run.now.since(begin) > Duration::from_secs(60));
    // One that is over is wished for from the beginning.
    let mut run = Run::again(0);
    let discover = run.sent();
    assert_eq!((discover.kind, discover.requested), (kind::DISCOVER, Some(OURS)));
    // And what is leased then is what is asked for.
    let other = Reply { yours: [10, 77, 0, 10], ..reply(&run.client, kind::OFFER, 3600) };
    let (request, _) = run.take(&other).unwrap();
    assert_eq!(request.unwrap().requested, Some([10, 77, 0, 10]));
}

/// RFC 2131 §4.4.5.
#[test]
fn a_lease_is_renewed_then_rebound_then_over() {
    let mut run = Run::bound(7200);
    let begin = run.now;
    let at = |run: &Run| run.now.since(begin).as_secs();
    let renew = run.sent();
    assert_eq!((renew.to, renew.from, at(&run)), (Address::from_v4(SERVER), Address::from_v4(OURS), 3600));
    assert_eq!((renew.kind, renew.requested, renew.server), (kind::REQUEST, None, None));
    run.sent();
    assert_eq!(at(&run), 3600 + 1350, "half of what is left until T2");
    let mut letter = run.sent();
    while letter.to != Address::BROADCAST {
        letter = run.sent();
    }
    assert_eq!(at(&run), 6300, "T2");
    assert_eq!(letter.from, Address::from_v4(OURS));
    let mut count = 0;
    let ended = loop {
        match run.next() {
            (Some(letter), None) => {
                assert_eq!(letter.to, Address::BROADCAST);
                count += 1;
            }
            (None, Some(News::Ended(lease))) => break lease,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((at(&run), ended.own.address()), (7200, Address::from_v4(OURS)));
    assert!(count < 6, "not more often than once a minute");
    assert_eq!(run.sent().kind, kind::DISCOVER);
}

#[test]
fn a_renewed_lease_counts_from_the_question() {
    for rebinds in [false, true] {
        let mut run = Run::bound(7200);
        let mut letter = run.sent();
        while rebinds && letter.to != Address::BROADCAST {
            letter = run.sent();
        }
        let asked = run.now;
        run.now = run.now + Duration::from_secs(2);
        let ack = Reply { mtu: Some(1400), ..reply(&run.client, kind::ACK, 7200) };
        let Ok((None, Some(News::Renewed { before, after }))) = run.take(&ack) else { panic!() };
        assert_eq!((before.mtu, after.mtu), (None, Some(1400)));
        assert_eq!(after.until, asked + Duration::from_secs(7200));
        assert_eq!(run.client.deadline(), asked + Duration::from_secs(3600));
    }
    let mut run = Run::bound(7200);
    run.sent();
    let nak = reply(&run.client, kind::NAK, 0);
    assert!(matches!(run.take(&nak), Ok((None, Some(News::Refused(_, Some(_)))))));
}

/// Class H: servers that lie, and those who only claim to be one.
#[test]
fn what_cannot_be_is_refused() {
    let mut run = Run::new();
    let letter = run.sent();
    let good = reply(&run.client, kind::OFFER, 3600);
    for (bad, why) in [
        (Reply { transaction: letter.transaction ^ 1, ..good.clone() }, Dropped::DhcpNotForUs),
        (Reply { for_another: true, ..good.clone() }, Dropped::DhcpNotForUs),
        (Reply { kind: kind::ACK, ..good.clone() }, Dropped::DhcpNotForUs),
        (Reply { kind: kind::NAK, ..good.clone() }, Dropped::DhcpNotForUs),
        (Reply { server: None, ..good.clone() }, Dropped::DhcpRefused),
        (Reply { server: Some([255; 4]), ..good.clone() }, Dropped::DhcpRefused),
        (Reply { lease: Some(0), ..good.clone() }, Dropped::DhcpRefused),
        (Reply { lease: Some(9), ..good.clone() }, Dropped::DhcpRefused),
        (Reply { yours: [0; 4], ..good.clone() }, Dropped::DhcpRefused),
        (Reply { yours: [127, 0, 0, 1], ..good.clone() }, Dropped::DhcpRefused),
        (Reply { yours: [224, 0, 0, 1], ..good.clone() }, Dropped::DhcpRefused),
        (Reply { yours: [10, 77, 0, 255], ..good.clone() }, Dropped::DhcpRefused),
        (Reply { yours: [10, 77, 0, 0], ..good.clone() }, Dropped::DhcpRefused),
    ] {
        assert_eq!(run.take(&bad), Err(why), "{bad:?}");
    }
    run.take(&good).unwrap();
    let ack = reply(&run.client, kind::ACK, 3600);
    for (bad, why) in [
        (Reply { server: Some([10, 77, 0, 2]), ..ack.clone() }, Dropped::DhcpNotForUs),
        (Reply { yours: [10, 77, 0, 10], ..ack.clone() }, Dropped::DhcpRefused),
        (Reply { lease: None, ..ack.clone() }, Dropped::DhcpRefused),
        (Reply { lease: Some(0), ..ack.clone() }, Dropped::DhcpRefused),
    ] {
        assert_eq!(run.take(&bad), Err(why), "{bad:?}");
    }
    let odd = Reply {
        mtu: Some(68),
        domain: b"\x1b[2J".iter().copied().collect(),
        routers: [OURS, [0; 4], SERVER].into_iter().collect(),
        ..ack
    };
    let Ok((None, Some(News::Leased(lease)))) = run.take(&odd) else { panic!() };
    assert_eq!((lease.mtu, lease.domain, lease.routes.len()), (None, None, 1));
    assert!(run.client.take_refused() >= 3);
}

#[test]
fn a_lease_for_ever_is_never_renewed() {
    let run = Run::bound(u32::MAX);
    assert_eq!(run.client.deadline(), Instant::NEVER);
    assert_eq!(run.client.lease().map(|lease| lease.until), Some(Instant::NEVER));
}

/// RFC 2132 §9.11, §9.12: times of the server's choice, if they make sense.
#[test]
fn times_are_the_servers_if_they_make_sense() {
    for (renewal, rebinding, expected) in [
        (Some(3), Some(60), (3, 60)),
        (Some(3), None, (3, 105)),
        (None, Some(60), (60, 105)),
        (Some(0), Some(0), (60, 105)),
        (Some(60), Some(30), (60, 105)),
        (Some(130), Some(140), (60, 105)),
    ] {
        let mut run = Run::new();
        run.sent();
        let offer = reply(&run.client, kind::OFFER, 120);
        run.take(&offer).unwrap();
        let ack = Reply { renewal, rebinding, ..reply(&run.client, kind::ACK, 120) };
        let Ok((_, Some(News::Leased(lease)))) = run.take(&ack) else { panic!() };
        let after = |at: Instant| at.since(run.now).as_secs();
        assert_eq!((after(lease.renew_at), after(lease.rebind_at)), expected, "{renewal:?} {rebinding:?}");
    }
}

/// RFC 2131 §3.1.5, §4.4.6.
#[test]
fn an_address_is_declined_or_given_back() {
    let mut run = Run::bound(3600);
    let (letter, lease) = run.client.decline(run.now).unwrap();
    assert_eq!((letter.kind, letter.from, letter.to), (kind::DECLINE, Address::UNSPECIFIED_V4, Address::BROADCAST));
    assert_eq!((letter.requested, letter.server), (Some(lease.own.address().low4()), Some(SERVER)));
    let declined = run.now;
    assert_eq!(run.sent().kind, kind::DISCOVER);
    assert!(run.now.since(declined) >= Duration::from_secs(10));
    assert!(run.client.decline(run.now).is_none());

    let mut run = Run::bound(3600);
    let (letter, _) = run.client.release().unwrap();
    assert_eq!(
        (letter.kind, letter.from, letter.to),
        (kind::RELEASE, Address::from_v4(OURS), Address::from_v4(SERVER))
    );
    assert_eq!((letter.requested, letter.server), (None, Some(SERVER)));
    assert_eq!(run.client.deadline(), Instant::NEVER);
}

/// RFC 2131 §4.4.1, table 5.
#[test]
fn letters_say_what_their_kind_says() {
    let mut run = Run::new();
    let ours = Mac::new([2, 0, 0, 0, 0, 2]);
    let discover = run.sent().write(ours, 1500);
    assert_eq!(discover.len(), 300);
    assert_eq!((discover[0], discover[10], &discover[12..16]), (1, 0x80, &[0; 4][..]));
    assert_eq!(discover[240..252], [53, 1, 1, 61, 7, 1, 2, 0, 0, 0, 0, 2]);
    assert_eq!(discover[252..266], [57, 2, 5, 220, 55, 8, 1, 121, 3, 6, 15, 26, 58, 59]);
    let mut run = Run::bound(3600);
    let renew = run.sent().write(ours, 1500);
    assert_eq!((renew[10], &renew[12..16]), (0, &OURS[..]));
    let (release, _) = run.client.release().unwrap();
    let release = release.write(ours, 1500);
    assert_eq!(release[12..16], OURS);
    assert_eq!(release[240..259], [53, 1, 7, 61, 7, 1, 2, 0, 0, 0, 0, 2, 54, 4, 10, 77, 0, 1, 255]);
}
