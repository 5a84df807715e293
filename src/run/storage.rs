//! The threads that wait for the disk, so that no loop does.
//!
//! Files are reached only through directories that were opened before the process was confined; out of those no path
//! leads (`cap-std`).

use std::collections::HashMap;
use std::io;
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, FileExt, FileType, OpenOptions, OpenOptionsExt, ReadDir};
use cap_std::time::SystemTime;
use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::fs::{Mode, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens};

use super::crowded::Crowded;
use super::more::More;
use crate::application::{Folder, Handle, Kind, Metadata, Named, Opening, Outcome, Place, Work};
use crate::base::limits;
use crate::buffer::Block;
use crate::stack::{Asker, Order};

/// The directories that storage threads may use.
pub struct Folders(Vec<Dir>);

impl Folders {
    /// None: there is nothing for storage threads to do.
    pub fn none() -> Folders {
        Folders(Vec::new())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens directories; the n-th is [`Folder`]`(n)`. To be called before the process is confined to the same ones.
    ///
    /// # Errors
    /// The path that cannot be opened, and why.
    pub fn open(paths: &[PathBuf]) -> Result<Folders, (PathBuf, io::Error)> {
        let open = |path: &PathBuf| Dir::open_ambient_dir(path, ambient_authority()).map_err(|why| (path.clone(), why));
        Ok(Folders(paths.iter().map(open).collect::<Result<_, _>>()?))
    }
}

/// The threads, until they are ended.
pub struct Storage {
    orders: Vec<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
}

impl Storage {
    /// Starts [`limits::STORAGE_THREADS`], and one that compares passwords. To be called after the process was confined.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(folders: Folders) -> io::Result<Storage> {
        let folders = Arc::new(folders.0);
        let mut storage = Storage { orders: Vec::new(), threads: Vec::new() };
        for number in 0..=limits::STORAGE_THREADS {
            let (sender, orders) = bounded(limits::WORK);
            let folders = folders.clone();
            let work = move || Desk { folders, open: HashMap::new() }.work(&orders);
            storage.threads.push(thread::Builder::new().name(format!("storage {number}")).spawn(work)?);
            storage.orders.push(sender);
        }
        Ok(storage)
    }

    /// How the threads are reached: for [`Stack::set_storage`](crate::stack::Stack::set_storage).
    pub fn orders(&self) -> Vec<Sender<Order>> {
        self.orders.clone()
    }

    /// Waits until all is done that was asked for. To be called when the stacks are gone, for they may ask for more.
    pub fn end(self) {
        let Storage { orders, threads } = self;
        drop(orders);
        for thread in threads {
            // One that panicked said so on stderr.
            let _ = thread.join();
        }
    }
}

/// One thread's part: what the sessions whose work it does have open.
struct Desk {
    folders: Arc<Vec<Dir>>,
    open: HashMap<Asker, HashMap<Handle, Open>>,
}

/// What has a name.
enum Open {
    File(File),
    Directory(Dir, ReadDir),
}

impl Desk {
    /// Does what it is told until nobody is left who could tell it more.
    fn work(mut self, orders: &Receiver<Order>) {
        let (mut next, mut crowded) = (None, Crowded::new());
        while let Some(order) = next.take().or_else(|| orders.recv().ok()) {
            match order {
                Order::Work { asker, work, answer } => {
                    let mut more = More::waiting(asker, &work, orders, &mut next);
                    let (result, block) = crowded.watch(|| self.carry_out(asker, work, &mut more));
                    more.answer(answer, result.map_err(|why| why.kind()), block);
                }
                Order::Forget(asker) => drop(self.open.remove(&asker)),
            }
        }
    }

    /// `more`: blocks to be read or written behind this one.
    fn carry_out(&mut self, asker: Asker, work: Work, more: &mut More) -> (io::Result<Outcome>, Option<Block>) {
        match work {
            Work::Read(handle, mut block, most) => {
                let read = self.file(asker, handle).and_then(|file| more.read(file, &mut block, most));
                (read, Some(block))
            }
            Work::Write(handle, block) => {
                let written = self.file(asker, handle).and_then(|file| more.write(file, &block));
                (written, Some(block))
            }
            Work::WriteAt(handle, block, at) => {
                let file = self.file(asker, handle);
                let written = file.and_then(|file| file.write_all_at(block.frame().bytes(), at));
                (written.map(|()| Outcome::Done), Some(block))
            }
            Work::Store { handle, names, block } => {
                (self.store(asker, handle, names, block.frame().bytes()), Some(block))
            }
            Work::Open(handle, place, opening) => (self.open_file(asker, handle, &place, opening), None),
            Work::OpenDirectory(handle, place) => (self.open_directory(asker, handle, &place), None),
            Work::Sync(handle) => (self.sync(asker, handle), None),
            Work::Close(handle) => (self.close(asker, handle), None),
            Work::Commit { handle, names, directory } => (self.commit(asker, handle, names, &directory), None),
            Work::SyncDirectory(place) => (self.sync_directory(&place), None),
            Work::List(handle) => (self.list(asker, handle), None),
            Work::Look(place) => (self.look(&place), None),
            Work::SetModified(place, seconds) => (self.set_modified(&place, seconds), None),
            Work::Rename(from, to) => (self.rename(&from, &to), None),
            Work::Link(from, to) => (self.link(&from, &to), None),
            Work::Remove(place) => (self.at(&place, |folder, path| folder.remove_file(path)), None),
            Work::MakeDirectory(place) => (self.at(&place, |folder, path| folder.create_dir(path)), None),
            Work::RemoveDirectory(place) => (self.at(&place, |folder, path| folder.remove_dir(path)), None),
            Work::SetMode(place, mode) => (self.set_mode(&place, mode), None),
            Work::LetGo(what) => {
                drop(what);
                (Ok(Outcome::Done), None)
            }
            Work::Verify(password) => {
                let wrong = || ErrorKind::PermissionDenied.into();
                (password.holds().then_some(Outcome::Done).ok_or_else(wrong), None)
            }
        }
    }

    fn open_file(&mut self, asker: Asker, handle: Handle, place: &Place, opening: Opening) -> io::Result<Outcome> {
        let mut options = OpenOptions::new();
        // Opening a pipe waits for its other end, and reading a device may: neither is what a session asks for.
        options.custom_flags(libc::O_NONBLOCK);
        let (options, position) = match opening {
            Opening::Read(from) => (options.read(true), from),
            Opening::New => (options.write(true).create_new(true), 0),
            Opening::Replace => (options.write(true).create(true).truncate(true), 0),
            Opening::Append => (options.append(true).create(true), 0),
            Opening::Resume(at) => (options.write(true), at),
        };
        let mut file = self.folder(place.folder)?.open_with(&place.path, options)?;
        let metadata = file.metadata()?;
        match described(&metadata).kind {
            Kind::File => {}
            Kind::Directory => return Err(ErrorKind::IsADirectory.into()),
            Kind::Link | Kind::Other => return Err(ErrorKind::Unsupported.into()),
        }
        if let Opening::Resume(at) = opening {
            file.set_len(at)?;
        }
        if position > 0 {
            file.seek(SeekFrom::Start(position))?;
        }
        self.keep(asker, handle, Open::File(file))?;
        Ok(Outcome::Metadata(described(&metadata)))
    }

    fn open_directory(&mut self, asker: Asker, handle: Handle, place: &Place) -> io::Result<Outcome> {
        let folder = self.folder(place.folder)?;
        let directory =
            if place.path.as_os_str().is_empty() { folder.try_clone()? } else { folder.open_dir(&place.path)? };
        let names = directory.entries()?;
        self.keep(asker, handle, Open::Directory(directory, names))?;
        Ok(Outcome::Done)
    }

    fn keep(&mut self, asker: Asker, handle: Handle, open: Open) -> io::Result<()> {
        let all = self.open.entry(asker).or_default();
        if all.len() >= limits::HANDLES_A_SESSION && !all.contains_key(&handle) {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        all.insert(handle, open);
        Ok(())
    }

    fn sync(&mut self, asker: Asker, handle: Handle) -> io::Result<Outcome> {
        match self.opened(asker, handle)? {
            Open::File(file) => file.sync_all()?,
            // A directory that can only be searched cannot be synced; this one was opened to be read.
            Open::Directory(directory, _) => directory.open(".")?.sync_all()?,
        }
        Ok(Outcome::Done)
    }

    fn close(&mut self, asker: Asker, handle: Handle) -> io::Result<Outcome> {
        let closed = self.open.get_mut(&asker).and_then(|all| all.remove(&handle));
        closed.map(|_| Outcome::Done).ok_or_else(not_open)
    }

    fn commit(
        &mut self,
        asker: Asker,
        handle: Handle,
        names: Option<(Place, Place)>,
        directory: &Place,
    ) -> io::Result<Outcome> {
        self.sync(asker, handle)?;
        self.close(asker, handle)?;
        if let Some((from, to)) = names {
            self.rename(&from, &to)?;
        }
        self.sync_directory(directory)
    }

    fn store(&mut self, asker: Asker, handle: Handle, names: (Place, Place), bytes: &[u8]) -> io::Result<Outcome> {
        self.open_file(asker, handle, &names.0, Opening::New)?;
        self.file(asker, handle)?.write_all(bytes)?;
        let directory = names.1.directory();
        self.commit(asker, handle, Some(names), &directory)
    }

    fn sync_directory(&self, Place { folder, path }: &Place) -> io::Result<Outcome> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        self.folder(*folder)?.open(path)?.sync_all()?;
        Ok(Outcome::Done)
    }

    fn list(&mut self, asker: Asker, handle: Handle) -> io::Result<Outcome> {
        let Open::Directory(directory, names) = self.opened(asker, handle)? else { return Err(not_open()) };
        let named = |entry: io::Result<cap_std::fs::DirEntry>| -> io::Result<Option<Named>> {
            let entry = entry?;
            match entry.metadata() {
                Ok(metadata) => {
                    let (name, metadata) = (entry.file_name(), described(&metadata));
                    let is_link = metadata.kind == Kind::Link;
                    let leads_to = is_link.then(|| directory.read_link_contents(&name).ok()).flatten();
                    Ok(Some(Named { name, metadata, leads_to: leads_to.map(PathBuf::into_os_string) }))
                }
                // It was removed meanwhile.
                Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
                Err(why) => Err(why),
            }
        };
        let named = names.map(named).filter_map(Result::transpose);
        Ok(Outcome::Names(named.take(limits::NAMES_A_LIST).collect::<io::Result<_>>()?))
    }

    fn look(&self, place: &Place) -> io::Result<Outcome> {
        let folder = self.folder(place.folder)?;
        let metadata =
            if place.path.as_os_str().is_empty() { folder.dir_metadata()? } else { folder.metadata(&place.path)? };
        Ok(Outcome::Metadata(described(&metadata)))
    }

    fn set_mode(&self, place: &Place, mode: u32) -> io::Result<Outcome> {
        let mut options = OpenOptions::new();
        let file =
            self.folder(place.folder)?.open_with(&place.path, options.read(true).custom_flags(libc::O_NONBLOCK))?;
        fchmod(&file, Mode::from_raw_mode(mode & 0o777))?;
        Ok(Outcome::Done)
    }

    fn set_modified(&self, place: &Place, seconds: i64) -> io::Result<Outcome> {
        let mut options = OpenOptions::new();
        // As when files are opened to be read: a pipe is not waited for.
        let file =
            self.folder(place.folder)?.open_with(&place.path, options.read(true).custom_flags(libc::O_NONBLOCK))?;
        let left = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access: left, last_modification: Timespec { tv_sec: seconds, tv_nsec: 0 } };
        futimens(&file, &times)?;
        Ok(Outcome::Done)
    }

    fn rename(&self, from: &Place, to: &Place) -> io::Result<Outcome> {
        self.folder(from.folder)?.rename(&from.path, self.folder(to.folder)?, &to.path)?;
        Ok(Outcome::Done)
    }

    fn link(&self, from: &Place, to: &Place) -> io::Result<Outcome> {
        self.folder(from.folder)?.hard_link(&from.path, self.folder(to.folder)?, &to.path)?;
        Ok(Outcome::Done)
    }

    fn at(&self, place: &Place, work: impl FnOnce(&Dir, &PathBuf) -> io::Result<()>) -> io::Result<Outcome> {
        work(self.folder(place.folder)?, &place.path).map(|()| Outcome::Done)
    }

    fn folder(&self, Folder(number): Folder) -> io::Result<&Dir> {
        self.folders.get(usize::from(number)).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn opened(&mut self, asker: Asker, handle: Handle) -> io::Result<&mut Open> {
        self.open.get_mut(&asker).and_then(|all| all.get_mut(&handle)).ok_or_else(not_open)
    }

    fn file(&mut self, asker: Asker, handle: Handle) -> io::Result<&File> {
        match self.opened(asker, handle)? {
            Open::File(file) => Ok(file),
            Open::Directory(..) => Err(ErrorKind::IsADirectory.into()),
        }
    }
}

fn described(metadata: &cap_std::fs::Metadata) -> Metadata {
    let kind = match metadata.file_type() {
        kind if kind == FileType::file() => Kind::File,
        kind if kind == FileType::dir() => Kind::Directory,
        kind if kind.is_symlink() => Kind::Link,
        _ => Kind::Other,
    };
    let since = |time: SystemTime| match time.into_std().duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => after.as_secs() as i64,
        Err(before) => -(before.duration().as_secs() as i64),
    };
    Metadata { kind, length: metadata.len(), modified: metadata.modified().map_or(0, since) }
}

fn not_open() -> io::Error {
    // Its opening failed, and that was told; or the session never asked for it.
    ErrorKind::NotFound.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::SessionId;
    use crate::buffer::{Pool, Purpose};
    use crate::stack::ShardId;

    #[test]
    fn a_file_is_stored_by_one_work_or_it_is_told_why_not() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        ["tmp", "new"].iter().for_each(|part| std::fs::create_dir(at(part)).unwrap());
        let Folders(folders) = Folders::open(&[root.path().to_owned()]).unwrap();
        let mut desk = Desk { folders: Arc::new(folders), open: HashMap::new() };
        let (mut pool, asker) = (Pool::new(1 << 20), Asker { shard: ShardId(0), session: SessionId(7) });
        let place = |path: &str| Place { folder: Folder(0), path: path.into() };
        let mut store = |from: &str, to: &str, bytes: &[u8]| {
            let mut block = pool.write(bytes.len(), Purpose::Taken).unwrap();
            block.frame_mut().fill(bytes, Default::default());
            let work = Work::Store { handle: Handle(0), names: (place(from), place(to)), block };
            let (result, block) = desk.carry_out(asker, work, &mut More::default());
            pool.release(block.expect("it comes back"));
            assert_eq!(pool.charged(), 0);
            let is_open = desk.open.get(&asker).is_some_and(|all| !all.is_empty());
            (result.map_err(|why| why.kind()), is_open)
        };

        assert_eq!(store("tmp/1", "new/1", b"a message"), (Ok(Outcome::Done), false));
        assert_eq!((std::fs::read(at("new/1")).unwrap(), at("tmp/1").exists()), (b"a message".to_vec(), false));
        // What is there is nobody's to be written over, and nothing gets its name.
        std::fs::write(at("tmp/2"), "another's").unwrap();
        assert_eq!(store("tmp/2", "new/2", b"a message"), (Err(ErrorKind::AlreadyExists), false));
        assert_eq!((std::fs::read(at("tmp/2")).unwrap(), at("new/2").exists()), (b"another's".to_vec(), false));
        // It was written and closed, and cannot get its name: whoever asked takes it back.
        assert_eq!(store("tmp/3", "gone/3", b"a message"), (Err(ErrorKind::NotFound), false));
        assert_eq!(std::fs::read(at("tmp/3")).unwrap(), b"a message");
        // Out of its folder no path leads.
        assert_eq!(store("../4", "new/4", b"a message"), (Err(ErrorKind::PermissionDenied), false));
        assert!(!at("new/4").exists());
    }
}
