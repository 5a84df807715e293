//! Connections that are open and say nothing. A process may have so many files open, and an address so many ports: the
//! crowd is processes, and each calls from an address of its own.

use std::io::{BufRead, BufReader, Read, stdin};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::lab::{self, Failure, Lab};
use crate::requests::PATIENCE;
use crate::{DISCARD_PORT, contender};

/// Connections of one process.
const MEMBER: usize = 10_000;

/// All of them. They end when this goes.
pub(crate) struct Crowd {
    members: Vec<Child>,
}

impl Crowd {
    /// So many connections to the contender of wire `number`.
    pub(crate) fn gather(lab: &Lab, number: u8, count: usize) -> Result<Crowd, Failure> {
        let mut crowd = Crowd { members: Vec::new() };
        for member in 0..count.div_ceil(MEMBER) {
            let local = format!("10.77.{number}.{}", 101 + member);
            lab.enter(|| lab::ip(&["address", "add", &format!("{local}/24"), "dev", &format!("tap{number}")]))??;
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("--crowd").arg(lab.path()).arg(number.to_string()).arg(local);
            command.arg(MEMBER.min(count - member * MEMBER).to_string());
            crowd.members.push(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
            let output =
                crowd.members.last_mut().and_then(|member| member.stdout.take()).ok_or("its output is piped")?;
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line)?;
            if line.trim_end() != "ready" {
                return Err(format!("no {count} connections could be opened").into());
            }
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

/// The process of one member: keeps its connections until nobody asks for them any more.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let [namespace, number, local, count] = arguments else { return Err("too few words".into()) };
    let lab = Lab::at(PathBuf::from(namespace))?;
    let remote = SocketAddrV4::new(Ipv4Addr::new(10, 77, number.parse()?, 2), DISCARD_PORT);
    let (local, count) = (SocketAddrV4::new(local.parse()?, 0), count.parse()?);
    let open = || -> rustix::io::Result<OwnedFd> {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
        bind(&socket, &local)?;
        connect(&socket, &remote)?;
        Ok(socket)
    };
    let _held = lab.enter(|| (0..count).map(|_| open()).collect::<rustix::io::Result<Vec<_>>>())??;
    contender::ready();
    stdin().read_exact(&mut [0])?;
    Ok(())
}
