//! A client as plain as it can be: the load.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use crate::FOLDER;
use crate::lab::{self, Failure};
use crate::veth::CONGESTION_CONTROL;

/// Bytes of a system call.
const CALL: usize = 256 << 10;
const PATIENCE: Duration = Duration::from_secs(20);

/// A control connection, logged in.
pub(crate) struct Client {
    server: Ipv4Addr,
    control: BufReader<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    /// To be called in the lab.
    pub(crate) fn connect(server: Ipv4Addr) -> Result<Client, Failure> {
        let control = BufReader::new(connect(server, 21)?);
        let mut client = Client { server, control, buffer: vec![0x5a; CALL] };
        client.hear("220")?;
        client.say("USER anonymous", "331")?;
        client.say("PASS me@", "230")?;
        client.say("TYPE I", "200")?;
        client.say(&format!("CWD {FOLDER}"), "250")?;
        Ok(client)
    }

    /// How long so many transfers take.
    pub(crate) fn timed(
        &mut self,
        count: usize,
        transfer: impl Fn(&mut Client, usize) -> Result<(), Failure>,
    ) -> Result<Duration, Failure> {
        let start = Instant::now();
        (0..count).try_for_each(|number| transfer(self, number))?;
        Ok(start.elapsed())
    }

    pub(crate) fn fetch(&mut self, name: &str, length: usize) -> Result<(), Failure> {
        let mut data = self.data()?;
        self.say(&format!("RETR {name}"), "150")?;
        let mut came = 0;
        loop {
            match data.read(&mut self.buffer)? {
                0 => break,
                count => came += count,
            }
        }
        drop(data);
        self.hear("226")?;
        if came == length { Ok(()) } else { Err(format!("{came} bytes of {length} came").into()) }
    }

    pub(crate) fn bring(&mut self, name: &str, length: usize) -> Result<(), Failure> {
        let mut data = self.data()?;
        self.say(&format!("STOR {name}"), "150")?;
        let mut left = length;
        while left > 0 {
            left -= data.write(&self.buffer[..left.min(CALL)])?;
        }
        data.shutdown(Shutdown::Write)?;
        drop(data);
        self.hear("226")
    }

    fn data(&mut self) -> Result<TcpStream, Failure> {
        let reply = self.say("EPSV", "229")?;
        let port = reply.split('|').nth(3).and_then(|port| port.parse().ok()).ok_or("no port")?;
        connect(self.server, port)
    }

    fn say(&mut self, line: &str, code: &str) -> Result<String, Failure> {
        self.control.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.line(code)
    }

    fn hear(&mut self, code: &str) -> Result<(), Failure> {
        self.line(code).map(drop)
    }

    fn line(&mut self, code: &str) -> Result<String, Failure> {
        let mut line = String::new();
        self.control.read_line(&mut line)?;
        if line.starts_with(code) { Ok(line) } else { Err(format!("{} instead of {code}", line.trim_end()).into()) }
    }
}

fn connect(server: Ipv4Addr, port: u16) -> Result<TcpStream, Failure> {
    let stream = lab::connect(SocketAddrV4::new(server, port), CONGESTION_CONTROL, PATIENCE)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
