//! FTP's server without a clock and without a TAP: what it answers, and what becomes of files.

use std::fs;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, unbounded};
use taphouse::application::accounts::{Account, Accounts, PasswordHash};
use taphouse::application::ftp::{Access, Ftp, PASSIVE_PORTS, PORT, Rules};
use taphouse::application::refusals::Refusal;
use taphouse::application::{Data, Folder, Io, Session, Stream, Used};
use taphouse::base::address::{Address, Endpoint};
use taphouse::base::limits;
use taphouse::base::stream::Ending;
use taphouse::stack::ConnectionId;

use crate::packet::STACK_V4;
use crate::storage::{Got, Lab};

/// Keeps what comes; a test writes.
struct Talker(Arc<Mutex<Got>>);

impl Session for Talker {
    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        self.0.lock().unwrap().bytes.extend_from_slice(data.bytes());
        Used::Bytes(data.len())
    }

    fn on_gone(&mut self, ending: Ending, _io: &mut Io<'_>) {
        self.0.lock().unwrap().ending = Some(ending);
    }
}

/// One connection of a client.
pub(crate) struct Talk {
    id: ConnectionId,
    got: Arc<Mutex<Got>>,
    heard: usize,
}

/// A lab in which files are served.
fn lab(anonymous: Access) -> Lab {
    lab_of(anonymous, Accounts::default())
}

fn lab_of(anonymous: Access, accounts: Accounts) -> Lab {
    let mut lab = Lab::new();
    let _told = serve(&mut lab, anonymous, accounts);
    lab
}

/// Serves files there; what is refused comes back.
pub(crate) fn serve(lab: &mut Lab, anonymous: Access, accounts: Accounts) -> Receiver<Refusal> {
    let (tell, told) = unbounded();
    let mut server = Ftp::new(Rules {
        anonymous,
        accounts: Arc::new(accounts),
        identity: None,
        refusals: Some(tell),
        began: 1_700_000_000,
    });
    let passive = server.passive();
    let ports = lab.server.listen_at_own(PASSIVE_PORTS, || Box::new(passive.clone())).unwrap();
    assert_eq!(ports.len(), PASSIVE_PORTS.len(), "one shard has all of them");
    server.set_passive_ports(ports);
    lab.server.listen(PORT, Box::new(server)).unwrap();
    told
}

pub(crate) fn open(lab: &mut Lab, port: u16) -> Talk {
    let got = Arc::<Mutex<Got>>::default();
    let remote = Endpoint { address: Address::from_v4(STACK_V4.octets()), port };
    let id = lab.client.connect(remote, Box::new(Talker(got.clone()))).unwrap();
    Talk { id, got, heard: 0 }
}

impl Talk {
    pub(crate) fn send(&self, lab: &mut Lab, bytes: &[u8]) {
        let mut sent = 0;
        while sent < bytes.len() && !lab.has_stopped() {
            sent += lab.client.visit(self.id, |stream| stream.write(&bytes[sent..])).expect("it is open");
            lab.turn();
        }
    }

    /// The next line that is a whole reply, or the last of one.
    #[track_caller]
    fn hear(&mut self, lab: &mut Lab) -> String {
        self.try_to_hear(lab).expect("nobody cuts the power")
    }

    /// The same; `None` if the power is cut before.
    #[track_caller]
    pub(crate) fn try_to_hear(&mut self, lab: &mut Lab) -> Option<String> {
        let got = self.got.clone();
        loop {
            let from = self.heard;
            let line = move |got: &Got| {
                let end = got.bytes[from..].windows(2).position(|two| two == b"\r\n")?;
                Some(String::from_utf8(got.bytes[from..from + end].to_vec()).expect("replies are UTF-8"))
            };
            lab.drive(|lab| lab.has_stopped() || line(&got.lock().unwrap()).is_some());
            if lab.has_stopped() {
                // What was said before is still heard.
                (0..20).for_each(|_| lab.turn());
            }
            let line = line(&got.lock().unwrap())?;
            self.heard += line.len() + 2;
            if line.as_bytes().get(3) == Some(&b' ') && line.as_bytes()[0].is_ascii_digit() {
                return Some(line);
            }
        }
    }

    #[track_caller]
    fn say(&mut self, lab: &mut Lab, line: &str) -> String {
        self.send(lab, format!("{line}\r\n").as_bytes());
        self.hear(lab)
    }

    /// A data connection, passive.
    #[track_caller]
    fn data(&mut self, lab: &mut Lab) -> Talk {
        let reply = self.say(lab, "EPSV");
        let port = reply.split('|').nth(3).unwrap_or_else(|| panic!("{reply}")).parse().unwrap();
        open(lab, port)
    }

    pub(crate) fn abort(&self, lab: &mut Lab) {
        lab.client.visit(self.id, |stream| stream.abort());
    }

    pub(crate) fn close(&self, lab: &mut Lab) {
        lab.client.visit(self.id, |stream| stream.close());
    }

    #[track_caller]
    fn all(&self, lab: &mut Lab) -> Vec<u8> {
        // The peer's end closes ours, and both are gone.
        lab.drive(|_| self.got.lock().unwrap().ending.is_some());
        self.got.lock().unwrap().bytes.clone()
    }
}

fn logged_in(lab: &mut Lab) -> Talk {
    let mut control = open(lab, PORT);
    assert_eq!(control.hear(lab), "220 taphouse");
    assert!(control.say(lab, "USER anonymous").starts_with("331 "));
    assert!(control.say(lab, "PASS me@").starts_with("230 "));
    control
}

#[test]
fn commands_are_answered_in_order_however_many_come_at_once() {
    let mut lab = lab(Access::Read);
    let mut control = logged_in(&mut lab);
    control.send(&mut lab, b"PWD\r\nCWD none\r\nTYPE I\r\nSIZE none\r\nSYST\r\nNOOP\r\nQUIT\r\nNOOP\r\n");
    let codes: Vec<_> = (0..7).map(|_| control.hear(&mut lab)[..3].to_owned()).collect();
    assert_eq!(codes, ["257", "550", "200", "550", "215", "200", "221"]);
    assert!(control.all(&mut lab).ends_with(b"221 Goodbye.\r\n"));
    lab.drive(|lab| lab.server.connections() == 0 && lab.server.memory_pinned() == 0);
}

#[test]
fn before_the_login_and_without_the_right_nothing_is_done() {
    let mut lab = lab(Access::Read);
    lab.put("file", b"kept");
    let mut control = open(&mut lab, PORT);
    control.hear(&mut lab);
    for command in ["RETR file", "LIST", "PWD", "EPSV", "STOR x", "DELE file"] {
        assert!(control.say(&mut lab, command).starts_with("530 "), "{command}");
    }
    assert!(control.say(&mut lab, "PASS x").starts_with("503 "));
    let mut control = logged_in(&mut lab);
    for command in
        ["DELE file", "STOR file", "APPE file", "STOU", "MKD x", "RMD x", "RNFR file", "MFMT 20010101000000 file"]
    {
        assert!(control.say(&mut lab, command).starts_with("550 "), "{command}");
    }
    assert_eq!(fs::read(lab.folder.path().join("file")).unwrap(), b"kept");
}

#[test]
fn an_upload_has_its_name_when_it_is_complete() {
    let mut lab = lab(Access::Write);
    lab.put("file", b"old");
    let mut control = logged_in(&mut lab);
    assert!(control.say(&mut lab, "TYPE I").starts_with("200 "));
    let data = control.data(&mut lab);
    assert!(control.say(&mut lab, "STOR file").starts_with("150 "));
    data.send(&mut lab, &[7; 100_000]);
    (0..50).for_each(|_| lab.turn());
    let path = lab.folder.path().to_owned();
    assert_eq!(fs::read(path.join("file")).unwrap(), b"old", "half of it has no name");
    let mut other = logged_in(&mut lab);
    let _data = other.data(&mut lab);
    assert!(other.say(&mut lab, "STOR file").starts_with("450 "), "one at a time");
    data.close(&mut lab);
    assert!(control.hear(&mut lab).starts_with("226 "));
    assert_eq!(fs::read(path.join("file")).unwrap(), [7; 100_000]);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    // And comes back.
    let data = control.data(&mut lab);
    assert!(control.say(&mut lab, "REST 99990").starts_with("350 "));
    assert!(control.say(&mut lab, "RETR file").starts_with("150 "));
    assert!(control.hear(&mut lab).starts_with("226 "));
    assert_eq!(data.all(&mut lab), [7; 10]);
}

#[test]
fn an_upload_that_breaks_off_is_not_seen_and_can_be_continued() {
    let mut lab = lab(Access::Write);
    let mut control = logged_in(&mut lab);
    control.say(&mut lab, "TYPE I");
    let data = control.data(&mut lab);
    assert!(control.say(&mut lab, "STOR file").starts_with("150 "));
    data.send(&mut lab, &[1; 5000]);
    (0..50).for_each(|_| lab.turn());
    lab.client.visit(data.id, |stream| stream.abort());
    assert!(control.hear(&mut lab).starts_with("426 "));
    let data = control.data(&mut lab);
    assert!(control.say(&mut lab, "NLST").starts_with("150 "));
    assert!(control.hear(&mut lab).starts_with("226 "));
    assert_eq!(data.all(&mut lab), b"");
    assert!(control.say(&mut lab, "RETR file").starts_with("550 "));
    assert_eq!(control.say(&mut lab, "SIZE file"), "213 5000");
    control.say(&mut lab, "REST 6000");
    let _unused = control.data(&mut lab);
    assert!(control.say(&mut lab, "REST 6000").starts_with("350 "));
    assert!(control.say(&mut lab, "STOR file").starts_with("554 "), "there is no hole in a file");
    let data = control.data(&mut lab);
    assert!(control.say(&mut lab, "REST 4000").starts_with("350 "));
    assert!(control.say(&mut lab, "STOR file").starts_with("150 "));
    data.send(&mut lab, &[2; 500]);
    data.close(&mut lab);
    assert!(control.hear(&mut lab).starts_with("226 "));
    let expected = [&[1; 4000][..], &[2; 500]].concat();
    assert_eq!(fs::read(lab.folder.path().join("file")).unwrap(), expected);
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let mut lab = Lab::new();
    let told = serve(&mut lab, Access::Read, Accounts::default());
    let mut all: Vec<_> = (0..limits::FTP_SESSIONS_AN_ADDRESS).map(|_| open(&mut lab, PORT)).collect();
    all.iter_mut().for_each(|one| assert!(one.hear(&mut lab).starts_with("220 ")));
    let mut more = open(&mut lab, PORT);
    assert!(more.hear(&mut lab).starts_with("421 "));
    assert_eq!(told.recv().unwrap().why, "421 Too many connections: come back later.");
    more.all(&mut lab);
    assert!(all[0].say(&mut lab, "QUIT").starts_with("221 "));
    all[0].all(&mut lab);
    lab.drive(|lab| lab.server.connections() == limits::FTP_SESSIONS_AN_ADDRESS - 1);
    assert!(open(&mut lab, PORT).hear(&mut lab).starts_with("220 "), "there is room again");
}

#[test]
fn who_is_not_expected_at_a_passive_port_gets_nothing() {
    let mut lab = lab(Access::Read);
    let stranger = open(&mut lab, *PASSIVE_PORTS.start());
    lab.drive(|_| stranger.got.lock().unwrap().ending.is_some());
    let mut control = logged_in(&mut lab);
    let data = control.data(&mut lab);
    // Another one at the same port, behind the first.
    let port = control.got.lock().unwrap().bytes.split(|byte| *byte == b'|').nth(3).map(|port| port.to_vec());
    let port = String::from_utf8(port.unwrap()).unwrap().parse().unwrap();
    (0..20).for_each(|_| lab.turn());
    let second = open(&mut lab, port);
    lab.drive(|_| second.got.lock().unwrap().ending.is_some());
    assert!(data.got.lock().unwrap().ending.is_none());
    assert!(control.say(&mut lab, "ABOR").starts_with("226 "));
    lab.drive(|_| data.got.lock().unwrap().ending.is_some());
}

/// Alice, who lives in a directory of her own. The lab has one folder, so she is at home in the whole of it: the other tests
/// of homes are those on a TAP.
fn alice() -> Accounts {
    let password = Arc::new(PasswordHash::of(b"secret", &[7; 16]).unwrap());
    let home = "alice".parse().unwrap();
    Accounts::new(vec![Account { name: "alice".to_owned(), password, home, folder: Folder(0) }])
}

#[test]
fn a_user_logs_in_with_the_right_password_only() {
    let mut lab = lab_of(Access::Read, alice());
    let mut control = open(&mut lab, PORT);
    assert!(control.hear(&mut lab).starts_with("220 "));
    assert!(control.say(&mut lab, "USER alice").starts_with("331 "));
    assert!(control.say(&mut lab, "PASS secret").starts_with("230 "));
    assert!(control.say(&mut lab, "MKD letters").starts_with("257 "), "who is at home may change what is there");
    // Another USER is another login, and nothing of the first is left.
    assert!(control.say(&mut lab, "USER alice").starts_with("331 "));
    assert!(control.say(&mut lab, "MKD more").starts_with("530 "));
    for code in ["530 ", "530 "] {
        assert!(control.say(&mut lab, "PASS wrong").starts_with(code));
        assert!(control.say(&mut lab, "USER alice").starts_with("331 "));
    }
    assert!(control.say(&mut lab, "PASS wrong").starts_with("421 "));
    lab.drive(|lab| lab.server.connections() == 0);
}

#[test]
fn one_user_has_so_many_connections_and_no_more() {
    let mut lab = Lab::new();
    let told = serve(&mut lab, Access::Read, alice());
    let login = |lab: &mut Lab| {
        let mut control = open(lab, PORT);
        control.hear(lab);
        control.say(lab, "USER alice");
        let said = control.say(lab, "PASS secret");
        (control, said)
    };
    let mut all: Vec<_> = (0..limits::FTP_SESSIONS_A_USER).map(|_| login(&mut lab)).collect();
    assert!(all.iter().all(|(_, said)| said.starts_with("230 ")));
    assert!(login(&mut lab).1.starts_with("530 "));
    assert_eq!(told.recv().unwrap().why, "PASS: 530 You have too many connections: end one.");
    assert!(all[0].0.say(&mut lab, "REIN").starts_with("220 "));
    assert!(login(&mut lab).1.starts_with("230 "), "there is room again");
}

#[test]
fn homes_are_not_for_others() {
    let mut lab = lab_of(Access::Write, alice());
    fs::create_dir(lab.folder.path().join("alice")).unwrap();
    fs::write(lab.folder.path().join("alice/letter"), b"dear").unwrap();
    let mut guest = logged_in(&mut lab);
    guest.say(&mut lab, "TYPE I");
    for command in ["SIZE alice/letter", "CWD alice", "MDTM /alice/../alice/letter", "RNFR alice", "DELE alice/letter"]
    {
        assert!(guest.say(&mut lab, command).starts_with("550 "), "{command}");
    }
    assert!(guest.say(&mut lab, "MKD alice2").starts_with("257 "));
}
