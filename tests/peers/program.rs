//! Programs in the lab's namespace: run to their end within a time, or in the background until they are dropped.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::Lab;

/// Longer than anything here takes on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Which Debian package brings a program.
const PACKAGES: [(&str, &str); 19] = [
    ("arping", "iputils-arping"),
    ("dnsmasq", "dnsmasq-base"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("nmap", "nmap"),
    ("openssl", "openssl"),
    ("ping", "iputils-ping"),
    ("python3", "python3"),
    ("radvd", "radvd"),
    ("ss", "iproute2"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
    ("tracepath", "iputils-tracepath"),
    ("traceroute", "traceroute"),
    ("msmtp", "msmtp"),
    ("setpriv", "util-linux"),
    ("smtp-source", "postfix"),
    ("swaks", "swaks"),
    ("vsftpd", "vsftpd"),
];

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// What it printed, if it ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.status.success(), "{}\n{}{}", self.status, self.stdout, self.stderr);
        self.stdout
    }
}

impl Lab {
    /// Runs a program in the namespace to its end.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Ended {
        self.start(command(line)).ended()
    }

    /// Runs one of the scripts beside the tests in the namespace, which must succeed.
    #[track_caller]
    pub(crate) fn python(&self, script: &str, arguments: &[&str]) -> String {
        let mut python = script_of_tests(script);
        python.args(arguments);
        self.start(python).ended().ok()
    }

    /// Starts a program in the namespace.
    #[track_caller]
    pub(crate) fn start(&self, mut command: Command) -> Program {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("LC_ALL", "C");
        // The thread that starts it is in the namespace, so the process is the program's own: no wrapper to kill.
        let spawned = self.namespace().enter(|| command.spawn()).expect("the lab's namespace is there");
        match spawned {
            Ok(child) => Program::new(child),
            Err(why) if why.kind() == ErrorKind::NotFound => {
                let name = command.get_program().to_string_lossy().into_owned();
                let package =
                    PACKAGES.iter().find(|(program, _)| *program == name).map_or("…", |(_, package)| package);
                panic!("{name} is not installed, and this test needs it: apt-get install {package}")
            }
            Err(why) => panic!("{command:?}: {why}"),
        }
    }
}

/// One of the scripts beside the tests.
pub(crate) fn script_of_tests(script: &str) -> Command {
    let mut python = command("python3 -B");
    python.arg(format!("{}/tests/peers/python/{script}", env!("CARGO_MANIFEST_DIR")));
    python
}

/// A command from its words.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a command has a name"));
    command.args(words);
    command
}

/// A program that runs. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<Line>,
    stdout: String,
    stderr: String,
}

enum Line {
    Out(String),
    Err(String),
}

impl Program {
    fn new(mut child: Child) -> Program {
        let (sender, lines) = channel();
        let out = sender.clone();
        read_lines(child.stdout.take().expect("stdout is piped"), move |line| out.send(Line::Out(line)).is_ok());
        read_lines(child.stderr.take().expect("stderr is piped"), move |line| sender.send(Line::Err(line)).is_ok());
        Program { child, lines, stdout: String::new(), stderr: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child that was not waited for can be signalled");
    }

    /// Waits for a line with `part` in it on either stream, and returns it.
    #[track_caller]
    pub(crate) fn line_with(&mut self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(why) => panic!("no line with {part:?} ({why}):\n{}", self.printed()),
            }
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.printed()),
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        let (stdout, stderr) = (std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr));
        Ended { status, stdout, stderr }
    }

    /// What it printed, once `part` is in that.
    #[track_caller]
    pub(crate) fn printed_with(&mut self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while !self.printed().contains(part) {
            let read = self.next(deadline);
            read.unwrap_or_else(|why| panic!("no {part:?} ({why}):\n{}", self.printed()));
        }
        self.printed()
    }

    /// What it printed so far, of what was waited for.
    fn printed(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    fn next(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
        let (kept, line) = match line {
            Line::Out(line) => (&mut self.stdout, line),
            Line::Err(line) => (&mut self.stderr, line),
        };
        writeln!(kept, "{line}").expect("a string takes whatever is written to it");
        Ok(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both do nothing to a process that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream to its end in a thread, whether somebody listens or not: a full pipe would stop the program.
fn read_lines(stream: impl Read + Send + 'static, take: impl Fn(String) -> bool + Send + 'static) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let _ = take(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
            line.clear();
        }
    });
}
