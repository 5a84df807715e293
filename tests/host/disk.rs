//! A disk in memory whose power can be cut: what was not synced is gone then, bytes of files and names in directories alike.
//!
//! It does the [`Work`] that storage threads do, in the order in which it is asked for, and stops for good after as many
//! steps as a test says. A test runs once for each number of steps until it comes to its end, and looks each time at what
//! [`Disk::after_the_cut`] leaves:
//!
//! ```text
//! for steps in 0.. {
//!     let mut lab = Lab::on(disk.clone().that_stops_after(steps));
//!     … talk until the answer comes or lab.disk().has_stopped()
//!     for survives in Survives::ALL { look(&lab.disk().after_the_cut(survives)) }
//! }
//! ```
//!
//! What POSIX does not promise this disk does not keep: a synced file has no name until its directory is synced, and a file
//! that was renamed from one directory to another has two names or none until both are.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use crossbeam_channel::Receiver;
use taphouse::application::{Folder, Handle, Kind, Metadata, Named, Opening, Outcome, Place, Work};
use taphouse::buffer::Block;
use taphouse::stack::{Asker, Order};

/// A disk, and what sessions have open on it.
#[derive(Clone)]
pub(crate) struct Disk {
    /// Files and directories by number; the first are the folders.
    nodes: Vec<Node>,
    open: HashMap<(Asker, Handle), Open>,
    /// Steps until the power is cut, the one in which it is cut included.
    left: usize,
}

#[derive(Clone)]
struct Node {
    content: Content,
    modified: i64,
}

/// As it is seen, and as it was synced last.
#[derive(Clone)]
enum Content {
    File { now: Vec<u8>, synced: Vec<u8> },
    Directory { now: Names, synced: Names },
}

type Names = BTreeMap<OsString, usize>;

#[derive(Clone, Copy)]
enum Open {
    File { node: usize, at: usize, appends: bool },
    Directory { node: usize, listed: bool },
}

/// What a power cut leaves of what was not synced: the system may have written any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survives {
    Nothing,
    Names,
    Bytes,
    Everything,
}

impl Survives {
    pub(crate) const ALL: [Survives; 4] = [Survives::Nothing, Survives::Names, Survives::Bytes, Survives::Everything];
}

impl Disk {
    /// A disk with so many empty folders, which does not stop.
    pub(crate) fn new(folders: usize) -> Disk {
        let empty = Content::Directory { now: Names::new(), synced: Names::new() };
        let nodes = vec![Node { content: empty, modified: 0 }; folders];
        Disk { nodes, open: HashMap::new(), left: usize::MAX }
    }

    /// The same, whose power is cut after so many steps.
    pub(crate) fn that_stops_after(self, steps: usize) -> Disk {
        Disk { left: steps + 1, ..self }
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.left == 0
    }

    /// Puts a synced file there.
    #[track_caller]
    pub(crate) fn put(&mut self, folder: usize, path: &str, bytes: &[u8]) {
        let content = Content::File { now: bytes.to_vec(), synced: bytes.to_vec() };
        self.add(&place(folder, path), content).expect("its directory is there and its name is free");
        self.sync_all();
    }

    /// Puts a synced directory there.
    #[track_caller]
    pub(crate) fn make_directory(&mut self, folder: usize, path: &str) {
        let empty = Content::Directory { now: Names::new(), synced: Names::new() };
        self.add(&place(folder, path), empty).expect("its directory is there and its name is free");
        self.sync_all();
    }

    /// The disk as the next start finds it.
    pub(crate) fn after_the_cut(&self, survives: Survives) -> Disk {
        let mut left = Disk { open: HashMap::new(), left: usize::MAX, ..self.clone() };
        for node in &mut left.nodes {
            match &mut node.content {
                Content::File { now, synced } if !matches!(survives, Survives::Bytes | Survives::Everything) => {
                    now.clone_from(synced);
                }
                Content::Directory { now, synced } if !matches!(survives, Survives::Names | Survives::Everything) => {
                    now.clone_from(synced);
                }
                _ => {}
            }
        }
        left.sync_all();
        left
    }

    /// All files of a folder by their paths.
    pub(crate) fn files(&self, folder: usize) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        self.walk(folder, Path::new(""), &mut |path, node| {
            if let Content::File { now, .. } = &node.content {
                files.insert(path, now.clone());
            }
        });
        files
    }

    /// All directories of a folder by their paths, without itself.
    pub(crate) fn directories(&self, folder: usize) -> Vec<PathBuf> {
        let mut directories = Vec::new();
        self.walk(folder, Path::new(""), &mut |path, node| {
            if matches!(node.content, Content::Directory { .. }) {
                directories.push(path);
            }
        });
        directories
    }

    fn walk(&self, node: usize, path: &Path, found: &mut impl FnMut(PathBuf, &Node)) {
        if let Content::Directory { now, .. } = &self.nodes[node].content {
            for (name, node) in now {
                found(path.join(name), &self.nodes[*node]);
                self.walk(*node, &path.join(name), found);
            }
        }
    }

    fn sync_all(&mut self) {
        self.nodes.iter_mut().for_each(Node::sync);
    }

    /// Does what was asked for, until there is nothing more or the power is cut: then nobody is answered any more.
    pub(crate) fn work(&mut self, orders: &Receiver<Order>) {
        for order in orders.try_iter() {
            match order {
                Order::Forget(asker) => self.open.retain(|(of, _), _| *of != asker),
                Order::Work { .. } if self.left == 0 => {}
                Order::Work { asker, work, answer } => {
                    if self.has_power() {
                        let (result, block) = self.carry_out(asker, work);
                        if self.left > 0 {
                            answer.send(result, block);
                        }
                    }
                }
            }
        }
    }

    /// Takes one more step, if there is power for it.
    fn has_power(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    fn carry_out(&mut self, asker: Asker, work: Work) -> (Result<Outcome, ErrorKind>, Option<Block>) {
        let done = |result: Result<(), ErrorKind>| result.map(|()| Outcome::Done);
        match work {
            Work::Read(handle, mut block, most) => (self.read((asker, handle), &mut block, most), Some(block)),
            Work::Write(handle, block) => (done(self.write((asker, handle), block.frame().bytes(), None)), Some(block)),
            Work::WriteAt(handle, block, at) => {
                (done(self.write((asker, handle), block.frame().bytes(), Some(at as usize))), Some(block))
            }
            Work::Store { handle, names, block } => {
                (done(self.store((asker, handle), names, block.frame().bytes())), Some(block))
            }
            Work::Open(handle, place, opening) => (self.open((asker, handle), &place, opening), None),
            Work::OpenDirectory(handle, place) => (done(self.open_directory((asker, handle), &place)), None),
            Work::Sync(handle) => (done(self.sync((asker, handle))), None),
            Work::Close(handle) => {
                (done(self.open.remove(&(asker, handle)).map(drop).ok_or(ErrorKind::NotFound)), None)
            }
            Work::Commit { handle, names, directory } => (done(self.commit((asker, handle), names, &directory)), None),
            Work::SyncDirectory(place) => (done(self.sync_directory(&place)), None),
            Work::List(handle) => (self.list((asker, handle)).map(Outcome::Names), None),
            Work::Look(place) => (self.find(&place).map(|node| Outcome::Metadata(self.nodes[node].describe())), None),
            Work::SetModified(place, seconds) => {
                (done(self.find(&place).map(|node| self.nodes[node].modified = seconds)), None)
            }
            Work::SetMode(place, _mode) => (done(self.find(&place).map(drop)), None),
            Work::Rename(from, to) => (done(self.rename(&from, &to)), None),
            Work::Link(from, to) => (done(self.link(&from, &to)), None),
            Work::Remove(place) => (done(self.remove(&place, Kind::File)), None),
            Work::RemoveDirectory(place) => (done(self.remove(&place, Kind::Directory)), None),
            Work::MakeDirectory(place) => {
                let empty = Content::Directory { now: Names::new(), synced: Names::new() };
                (done(self.add(&place, empty).map(drop)), None)
            }
            Work::LetGo(what) => {
                drop(what);
                (Ok(Outcome::Done), None)
            }
            Work::Verify(password) => {
                let result = if password.holds() { Ok(Outcome::Done) } else { Err(ErrorKind::PermissionDenied) };
                (result, None)
            }
        }
    }

    fn open(&mut self, key: (Asker, Handle), place: &Place, opening: Opening) -> Result<Outcome, ErrorKind> {
        let found = match (self.find(place), opening) {
            (Ok(_), Opening::New) => return Err(ErrorKind::AlreadyExists),
            (Err(ErrorKind::NotFound), Opening::New | Opening::Replace | Opening::Append) => {
                self.add(place, Content::File { now: Vec::new(), synced: Vec::new() })
            }
            (found, _) => found,
        };
        let node = found?;
        let before = self.nodes[node].describe();
        let now = self.file(node)?;
        let at = match opening {
            Opening::Read(from) => from as usize,
            Opening::New | Opening::Append => 0,
            Opening::Replace => {
                now.clear();
                0
            }
            Opening::Resume(at) => {
                now.resize(at as usize, 0);
                at as usize
            }
        };
        self.open.insert(key, Open::File { node, at, appends: opening == Opening::Append });
        Ok(Outcome::Metadata(before))
    }

    fn open_directory(&mut self, key: (Asker, Handle), place: &Place) -> Result<(), ErrorKind> {
        let node = self.find(place)?;
        self.names(node)?;
        self.open.insert(key, Open::Directory { node, listed: false });
        Ok(())
    }

    fn read(&mut self, key: (Asker, Handle), block: &mut Block, most: usize) -> Result<Outcome, ErrorKind> {
        let Some(&Open::File { node, at, appends }) = self.open.get(&key) else { return Err(ErrorKind::NotFound) };
        let bytes = self.file(node)?;
        let end = bytes.len().min(at + most);
        let part = bytes.get(at..end).unwrap_or_default();
        block.frame_mut().fill(part, Default::default());
        let outcome = if part.is_empty() { Outcome::End } else { Outcome::Read };
        self.open.insert(key, Open::File { node, at: end.max(at), appends });
        Ok(outcome)
    }

    fn write(&mut self, key: (Asker, Handle), bytes: &[u8], over: Option<usize>) -> Result<(), ErrorKind> {
        let Some(&Open::File { node, at, appends }) = self.open.get(&key) else { return Err(ErrorKind::NotFound) };
        let now = self.file(node)?;
        let from = over.unwrap_or(if appends { now.len() } else { at });
        now.resize(now.len().max(from + bytes.len()), 0);
        now[from..from + bytes.len()].copy_from_slice(bytes);
        if over.is_none() {
            self.open.insert(key, Open::File { node, at: from + bytes.len(), appends });
        }
        Ok(())
    }

    fn sync(&mut self, key: (Asker, Handle)) -> Result<(), ErrorKind> {
        let (Open::File { node, .. } | Open::Directory { node, .. }) =
            *self.open.get(&key).ok_or(ErrorKind::NotFound)?;
        self.nodes[node].sync();
        Ok(())
    }

    /// The power may be cut between any two of its steps.
    fn commit(
        &mut self,
        key: (Asker, Handle),
        names: Option<(Place, Place)>,
        directory: &Place,
    ) -> Result<(), ErrorKind> {
        self.sync(key)?;
        self.open.remove(&key);
        if let Some((from, to)) = names
            && self.has_power()
        {
            self.rename(&from, &to)?;
        }
        if self.has_power() { self.sync_directory(directory) } else { Ok(()) }
    }

    /// The same.
    fn store(&mut self, key: (Asker, Handle), names: (Place, Place), bytes: &[u8]) -> Result<(), ErrorKind> {
        self.open(key, &names.0, Opening::New)?;
        if self.has_power() {
            self.write(key, bytes, None)?;
        }
        let directory = names.1.directory();
        if self.has_power() { self.commit(key, Some(names), &directory) } else { Ok(()) }
    }

    fn sync_directory(&mut self, place: &Place) -> Result<(), ErrorKind> {
        let node = self.find(place)?;
        self.nodes[node].sync();
        Ok(())
    }

    fn list(&mut self, key: (Asker, Handle)) -> Result<Vec<Named>, ErrorKind> {
        let Some(Open::Directory { node, listed }) = self.open.get_mut(&key) else { return Err(ErrorKind::NotFound) };
        let (node, listed) = (*node, std::mem::replace(listed, true));
        let names = if listed { Names::new() } else { self.names(node)?.clone() };
        let named =
            |(name, node): (OsString, usize)| Named { name, metadata: self.nodes[node].describe(), leads_to: None };
        Ok(names.into_iter().map(named).collect())
    }

    /// A name that was there before is another file's from now on, or nobody's.
    fn rename(&mut self, from: &Place, to: &Place) -> Result<(), ErrorKind> {
        let node = self.find(from)?;
        let ((old, old_name), (new, new_name)) = (self.parent(from)?, self.parent(to)?);
        self.names(old)?.remove(&old_name);
        self.names(new)?.insert(new_name, node);
        Ok(())
    }

    fn link(&mut self, from: &Place, to: &Place) -> Result<(), ErrorKind> {
        let node = self.find(from)?;
        let (directory, name) = self.parent(to)?;
        match self.names(directory)?.contains_key(&name) {
            true => Err(ErrorKind::AlreadyExists),
            false => {
                self.names(directory)?.insert(name, node);
                Ok(())
            }
        }
    }

    fn remove(&mut self, place: &Place, kind: Kind) -> Result<(), ErrorKind> {
        let node = self.find(place)?;
        match (&self.nodes[node].content, kind) {
            (Content::File { .. }, Kind::File) => {}
            (Content::Directory { now, .. }, Kind::Directory) if now.is_empty() => {}
            (Content::Directory { .. }, Kind::Directory) => return Err(ErrorKind::DirectoryNotEmpty),
            (Content::File { .. }, _) => return Err(ErrorKind::NotADirectory),
            (Content::Directory { .. }, _) => return Err(ErrorKind::IsADirectory),
        }
        let (parent, name) = self.parent(place)?;
        self.names(parent)?.remove(&name);
        Ok(())
    }

    fn add(&mut self, place: &Place, content: Content) -> Result<usize, ErrorKind> {
        let node = self.nodes.len();
        let (parent, name) = self.parent(place)?;
        let names = self.names(parent)?;
        if names.contains_key(&name) {
            return Err(ErrorKind::AlreadyExists);
        }
        names.insert(name, node);
        self.nodes.push(Node { content, modified: 0 });
        Ok(node)
    }

    /// The directory in which something lies, and its name there.
    fn parent(&mut self, place: &Place) -> Result<(usize, OsString), ErrorKind> {
        let name = place.path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        let path = place.path.parent().unwrap_or(Path::new("")).to_owned();
        Ok((self.find(&Place { folder: place.folder, path })?, name))
    }

    fn find(&mut self, place: &Place) -> Result<usize, ErrorKind> {
        let mut node = usize::from(place.folder.0);
        for part in place.path.components() {
            let Component::Normal(name) = part else { return Err(ErrorKind::PermissionDenied) };
            node = *self.names(node)?.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    fn names(&mut self, node: usize) -> Result<&mut Names, ErrorKind> {
        match &mut self.nodes[node].content {
            Content::Directory { now, .. } => Ok(now),
            Content::File { .. } => Err(ErrorKind::NotADirectory),
        }
    }

    fn file(&mut self, node: usize) -> Result<&mut Vec<u8>, ErrorKind> {
        match &mut self.nodes[node].content {
            Content::File { now, .. } => Ok(now),
            Content::Directory { .. } => Err(ErrorKind::IsADirectory),
        }
    }
}

impl Node {
    fn sync(&mut self) {
        match &mut self.content {
            Content::File { now, synced } => synced.clone_from(now),
            Content::Directory { now, synced } => synced.clone_from(now),
        }
    }

    fn describe(&self) -> Metadata {
        let (kind, length) = match &self.content {
            Content::File { now, .. } => (Kind::File, now.len() as u64),
            Content::Directory { .. } => (Kind::Directory, 0),
        };
        Metadata { kind, length, modified: self.modified }
    }
}

fn place(folder: usize, path: &str) -> Place {
    Place { folder: Folder(folder as u16), path: path.into() }
}
