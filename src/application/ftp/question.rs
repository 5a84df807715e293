//! Commands about files: a storage thread is asked, and its answer is the reply, or says how a transfer begins.

use std::collections::VecDeque;
use std::io::ErrorKind;

use super::super::{Folder, Kind, Metadata, Named, Opening, Outcome, Place, Stream, Work};
use super::Claim;
use super::command::Verb;
use super::control::Control;
use super::data::{Failure, Job, Target};
use super::listing::{self, Format};
use super::path::VirtualPath;
use super::reply::Code;
use crate::base::limits;

/// What a storage thread is asked for.
pub(super) enum Question {
    /// Whether that is a directory to go to.
    Enter(VirtualPath),
    /// What that is, for SIZE, MDTM, MLST or RNFR.
    Tell(Verb, VirtualPath),
    /// How much of an upload is there, for a SIZE of what does not exist.
    Uploaded,
    /// To do something, and then the rest one after the other; this is said when all of it is done.
    Do(Code, String, VecDeque<Work>),
    /// What that is, to be fetched from a byte on.
    Fetch(VirtualPath, u64),
    /// What that is, to be listed.
    List(VirtualPath, Format),
    /// How much of an upload is there, to be continued from a byte on.
    Continue(VirtualPath, u64),
    /// Whether there is something to be appended to, or how much of an upload there is.
    Append(VirtualPath),
    AppendUpload(VirtualPath),
    /// Whether that name is free.
    Unique(VirtualPath),
    /// Whether the password is right.
    Password,
}

impl Control {
    /// Commands whose argument is a name.
    pub(super) fn ask(&mut self, verb: Verb, argument: &[u8], stream: &mut Stream<'_>) {
        let restart = std::mem::take(&mut self.restart);
        let (mut time, mut mode) = (0, 0);
        let argument = match verb {
            Verb::Cdup => &b".."[..],
            Verb::List | Verb::Nlst => without_options(argument),
            Verb::Mfmt | Verb::SiteUtime => match modification(argument) {
                Some((at, name)) => {
                    time = at;
                    name
                }
                None => return self.say(Code::ParameterError, "It takes YYYYMMDDHHMMSS and a name."),
            },
            Verb::SiteChmod => match permissions(argument) {
                Some((bits, name)) => {
                    mode = bits;
                    name
                }
                None => return self.say(Code::ParameterError, "CHMOD takes three octal digits and a name."),
            },
            // Without a name, one is made.
            Verb::Stou if argument.is_empty() => &b"upload"[..],
            _ => argument,
        };
        let may_be_empty = matches!(verb, Verb::List | Verb::Nlst | Verb::Mlsd | Verb::Mlst);
        if argument.is_empty() && !may_be_empty {
            return self.say(Code::ParameterError, "Of what?");
        }
        let path = match self.here.join(argument) {
            Ok(path) => path,
            Err(why) => return self.say_bad_path(why),
        };
        if verb.writes() && path.is_root() {
            return self.say(Code::FileUnavailable, "The root stays as it is.");
        }
        if self.is_kept_away(verb, &path) {
            self.tell_of("it is in somebody's home");
            return self.say_trouble(ErrorKind::NotFound);
        }
        let folder = self.folder();
        let place = path.place(folder);
        let (question, work) = match verb {
            Verb::Cwd | Verb::Cdup => (Question::Enter(path), Work::Look(place)),
            Verb::Size if self.ascii => return self.say(Code::FileUnavailable, "Only with TYPE I."),
            Verb::Size | Verb::Mdtm | Verb::Mlst | Verb::Rnfr => (Question::Tell(verb, path), Work::Look(place)),
            Verb::Dele => (kept("Deleted.", &[&path], folder), Work::Remove(place)),
            Verb::Rmd => (kept("Removed.", &[&path], folder), Work::RemoveDirectory(place)),
            Verb::Mkd => {
                let said = format!("{} is there now.", path.quoted());
                (Question::Do(Code::PathIs, said, sync_names(&[&path], folder)), Work::MakeDirectory(place))
            }
            Verb::SiteUtime => (done(Code::Okay, "It has that time now."), Work::SetModified(place, time)),
            Verb::SiteChmod => (done(Code::Okay, "It has that mode now."), Work::SetMode(place, mode)),
            Verb::Mfmt => {
                let said = format!("Modify={}; {}", listing::time_value(time), path.shown());
                (done(Code::FileStatus, &said), Work::SetModified(place, time))
            }
            Verb::Rnto => {
                let Some(from) = self.rename_from.take() else {
                    return self.say(Code::BadSequence, "Say RNFR first.");
                };
                // The new name first: a power cut in between leaves two names, not none.
                (kept("Renamed.", &[&path, &from], folder), Work::Rename(from.place(folder), place))
            }
            Verb::Retr => (Question::Fetch(path, restart), Work::Look(place)),
            Verb::List => (Question::List(path, Format::Long(self.time(stream.io.now()))), Work::Look(place)),
            Verb::Nlst => (Question::List(path, Format::Names), Work::Look(place)),
            Verb::Mlsd => (Question::List(path, Format::Facts), Work::Look(place)),
            Verb::Stor if restart == 0 => return self.store(path, Opening::Replace, &mut stream.io),
            Verb::Stor => {
                let upload = path.upload(folder);
                (Question::Continue(path, restart), Work::Look(upload))
            }
            Verb::Appe => (Question::Append(path), Work::Look(place)),
            Verb::Stou => return self.look_for_unique(path, stream),
            _ => return self.say(Code::NotImplemented, "Not here."),
        };
        self.rename_from = None;
        self.put(question, work, stream);
    }

    pub(super) fn put(&mut self, question: Question, work: Work, stream: &mut Stream<'_>) {
        self.question = Some(question);
        self.unasked = Some((stream.io.now(), work));
        self.ask_a_thread(stream);
    }

    /// Asks, or tries again soon when all of them have too much to do.
    pub(super) fn ask_a_thread(&mut self, stream: &mut Stream<'_>) {
        if let Some((_, work)) = self.unasked.take() {
            let again = stream.io.now() + limits::STARVED_RETRY;
            self.unasked = stream.io.ask(0, work).err().map(|work| (again, work));
        }
    }

    fn look_for_unique(&mut self, path: VirtualPath, stream: &mut Stream<'_>) {
        let name = format!("{}.{:08x}", path.name(), stream.io.random(1 << 32));
        match path.parent().join(name.as_bytes()) {
            Ok(unique) => {
                let work = Work::Look(unique.place(self.folder()));
                self.put(Question::Unique(unique), work, stream);
            }
            Err(why) => self.say_bad_path(why),
        }
    }

    /// A storage thread answered.
    pub(super) fn answered(&mut self, question: Question, answer: Result<Outcome, ErrorKind>, stream: &mut Stream<'_>) {
        let found = match &answer {
            Ok(Outcome::Metadata(metadata)) => Ok(*metadata),
            Ok(_) => Err(ErrorKind::Other),
            Err(why) => Err(*why),
        };
        match (question, found) {
            (Question::Do(code, text, mut rest), _) => match (answer, rest.pop_front()) {
                (Ok(_), Some(work)) => self.put(Question::Do(code, text, rest), work, stream),
                (Ok(_), None) => self.say(code, &text),
                (Err(why), _) => self.say_trouble(why),
            },
            (Question::Password, _) => match answer {
                Ok(_) => self.trust(),
                Err(ErrorKind::PermissionDenied) => self.mistrust(stream.io.now()),
                Err(why) => self.say_trouble(why),
            },
            (Question::Tell(Verb::Size, path), Err(ErrorKind::NotFound)) if self.may_write() => {
                self.put(Question::Uploaded, Work::Look(path.upload(self.folder())), stream);
            }
            (Question::Continue(path, from), Ok(part)) if part.length >= from => {
                self.store(path, Opening::Resume(from), &mut stream.io);
            }
            (Question::Continue(..), _) => self.say(Code::InvalidRestart, "There is no upload to be continued there."),
            (Question::Append(path), Err(ErrorKind::NotFound)) => {
                let upload = path.upload(self.folder());
                self.put(Question::AppendUpload(path), Work::Look(upload), stream);
            }
            (Question::Append(path), Ok(Metadata { kind: Kind::File, .. })) => self.append(path, &mut stream.io),
            (Question::AppendUpload(path), Ok(part)) => {
                self.store(path, Opening::Resume(part.length), &mut stream.io);
            }
            (Question::AppendUpload(path), Err(ErrorKind::NotFound)) => {
                self.store(path, Opening::Replace, &mut stream.io);
            }
            (Question::Unique(path), Err(ErrorKind::NotFound)) => self.store_unique(path, &mut stream.io),
            (Question::Unique(_), Ok(_)) => self.say(Code::FileBusy, "Try again."),
            (_, Err(why)) => self.say_trouble(why),
            (question, Ok(metadata)) => self.found(question, metadata, stream),
        }
    }

    fn found(&mut self, question: Question, found: Metadata, stream: &mut Stream<'_>) {
        match (question, found.kind) {
            (Question::Enter(path), Kind::Directory) => {
                self.here = path;
                self.say(Code::FileActionDone, "You are there.");
            }
            (Question::Enter(_), _) => self.say(Code::FileUnavailable, "That is no directory."),
            (Question::Tell(Verb::Mdtm, _), _) => self.say(Code::FileStatus, &listing::time_value(found.modified)),
            (Question::Tell(Verb::Mlst, path), _) => {
                let named = Named { name: path.name().into(), metadata: found, leads_to: None };
                let line = format!("{} {}", listing::facts(&named, self.may_write()), path.shown());
                self.say_lines(Code::FileActionDone, "Facts:", &[line], "That is all.");
            }
            (Question::Tell(Verb::Rnfr, path), _) => {
                self.rename_from = Some(path);
                self.say(Code::FileActionPending, "To what?");
            }
            (Question::Tell(..) | Question::Uploaded, Kind::File) => {
                self.say(Code::FileStatus, &found.length.to_string());
            }
            (Question::Fetch(_, from), Kind::File) if from > found.length => {
                self.say(Code::InvalidRestart, "The file is shorter than that.");
            }
            (Question::Fetch(path, from), Kind::File) => {
                let job = Job::Send { file: path.place(self.folder()), from, ascii: self.ascii };
                let text = format!("{} bytes follow.", found.length - from);
                self.begin(job, &text, &mut stream.io);
            }
            (Question::List(path, format), Kind::Directory) => {
                let job = Job::List { folder: path.place(self.folder()), format, writable: self.may_write() };
                self.begin(job, "The list follows.", &mut stream.io);
            }
            (Question::List(_, Format::Facts), _) => self.say(Code::ParameterError, "That is no directory."),
            (Question::List(path, format), _) => {
                let mut text = Vec::new();
                let named = Named { name: path.name().into(), metadata: found, leads_to: None };
                listing::add(&mut text, &named, format, self.may_write());
                self.begin(Job::Say(text), "The list follows.", &mut stream.io);
            }
            _ => self.say(Code::FileUnavailable, "That is no file."),
        }
    }

    fn store(&mut self, path: VirtualPath, opening: Opening, io: &mut super::super::Io<'_>) {
        self.receive(path, opening, "Send it.", io);
    }

    /// RFC 1123 §4.1.2.9: the name is in the reply.
    fn store_unique(&mut self, path: VirtualPath, io: &mut super::super::Io<'_>) {
        let text = format!("FILE: {}", path.name());
        self.receive(path, Opening::Replace, &text, io);
    }

    fn receive(&mut self, path: VirtualPath, opening: Opening, text: &str, io: &mut super::super::Io<'_>) {
        let Some(claim) = self.claim(&path) else { return };
        let target = Target {
            file: path.upload(self.folder()),
            opening,
            name: Some(path.place(self.folder())),
            claim: Some(claim),
            folder: path.parent().place(self.folder()),
            ascii: self.ascii,
        };
        self.begin(Job::Receive(target), text, io);
    }

    /// What is there is added to where it lies.
    fn append(&mut self, path: VirtualPath, io: &mut super::super::Io<'_>) {
        let Some(claim) = self.claim(&path) else { return };
        let target = Target {
            file: path.place(self.folder()),
            opening: Opening::Append,
            name: None,
            claim: Some(claim),
            folder: path.parent().place(self.folder()),
            ascii: self.ascii,
        };
        self.begin(Job::Receive(target), "Send what is to be added.", io);
    }

    fn claim(&mut self, path: &VirtualPath) -> Option<Claim> {
        let claim = Claim::new(&self.shared, &self.in_the_root(path));
        if claim.is_none() {
            self.say(Code::FileBusy, "Somebody is writing that file.");
        }
        claim
    }

    pub(super) fn say_failure(&mut self, failure: Failure) {
        match failure {
            Failure::Connection => self.say(Code::TransferAborted, "The transfer broke off."),
            Failure::Disk(why) => self.say_trouble(why),
        }
    }

    fn say_trouble(&mut self, why: ErrorKind) {
        let (code, text) = match why {
            ErrorKind::NotFound => (Code::FileUnavailable, "There is no such file or directory."),
            ErrorKind::AlreadyExists => (Code::FileUnavailable, "That exists already."),
            ErrorKind::DirectoryNotEmpty => (Code::FileUnavailable, "The directory is not empty."),
            ErrorKind::IsADirectory => (Code::FileUnavailable, "That is a directory."),
            ErrorKind::NotADirectory => (Code::FileUnavailable, "That is no directory."),
            // Also of what a symbolic link leads out of the root.
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                return self.refuse(Code::FileUnavailable, "You may not do that.");
            }
            ErrorKind::Unsupported => (Code::FileUnavailable, "That is no file."),
            ErrorKind::InvalidFilename => (Code::NameNotAllowed, "That name is too long."),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (Code::InsufficientStorage, "The disk is full."),
            ErrorKind::FileTooLarge => (Code::StorageExceeded, "That is too large."),
            _ => (Code::LocalError, "The disk would not do it."),
        };
        self.say(code, text);
    }

    /// SITE CHMOD, HELP and UTIME.
    pub(super) fn site(&mut self, argument: &[u8], stream: &mut Stream<'_>) {
        let (word, rest) = split_word(argument);
        match word.to_ascii_uppercase().as_slice() {
            b"CHMOD" | b"UTIME" if !self.may_write() => {
                self.refuse(Code::FileUnavailable, "You may not change anything here.");
            }
            b"CHMOD" => self.ask(Verb::SiteChmod, rest, stream),
            b"UTIME" => self.ask(Verb::SiteUtime, rest, stream),
            b"HELP" => self.say(Code::HelpMessage, "CHMOD HELP UTIME"),
            _ => self.say(Code::ParameterNotImplemented, "SITE knows CHMOD, HELP and UTIME."),
        }
    }
}

/// What is done when it is done.
fn done(code: Code, text: &str) -> Question {
    Question::Do(code, text.to_owned(), VecDeque::new())
}

/// What is done when the names of these paths, as they are then, would outlast a power cut.
fn kept(text: &str, paths: &[&VirtualPath], folder: Folder) -> Question {
    Question::Do(Code::FileActionDone, text.to_owned(), sync_names(paths, folder))
}

fn sync_names(paths: &[&VirtualPath], folder: Folder) -> VecDeque<Work> {
    let mut parents: Vec<Place> = paths.iter().map(|path| path.parent().place(folder)).collect();
    parents.dedup();
    parents.into_iter().map(Work::SyncDirectory).collect()
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let space = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let (word, rest) = text.split_at(space);
    (word, rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Clients say `LIST -la`, as if it were `ls`.
fn without_options(argument: &[u8]) -> &[u8] {
    let mut rest = argument;
    while rest.first() == Some(&b'-') {
        rest = split_word(rest).1;
    }
    rest
}

/// A time and a name: `YYYYMMDDHHMMSS NAME`, or as SITE UTIME is also said,
/// `NAME YYYYMMDDHHMMSS YYYYMMDDHHMMSS YYYYMMDDHHMMSS UTC` with the times of access, change and making.
fn modification(argument: &[u8]) -> Option<(i64, &[u8])> {
    let read = |time: &[u8]| listing::read_time_value(std::str::from_utf8(time).ok()?);
    let (time, name) = split_word(argument);
    if let Some(time) = read(time) {
        return Some((time, name));
    }
    let mut words = argument.rsplitn(5, |byte| *byte == b' ');
    let (zone, _made, changed, _accessed, name) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    zone.eq_ignore_ascii_case(b"UTC").then_some((read(changed)?, name))
}

/// What SITE CHMOD says. No program becomes somebody else's by it.
fn permissions(argument: &[u8]) -> Option<(u32, &[u8])> {
    let (mode, name) = split_word(argument);
    let mode = u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()?;
    (mode <= 0o777).then_some((mode, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_modes_are_read_with_their_names() {
        assert_eq!(modification(b"20231114221320 a b"), Some((1_700_000_000, &b"a b"[..])));
        let long = b"a b 20200101000000 20231114221320 20200101000000 UTC";
        assert_eq!(modification(long), Some((1_700_000_000, &b"a b"[..])));
        assert_eq!(modification(b"a b"), None);
        assert_eq!(permissions(b"640 a b"), Some((0o640, &b"a b"[..])));
        assert_eq!(permissions(b"4755 a"), None);
        assert_eq!(permissions(b"rw a"), None);
    }
}
