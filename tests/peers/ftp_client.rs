//! Our FTP client against other people's servers: vsftpd and Python's pyftpdlib, over both families, passive and active.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::TempDir;

use crate::house::{HOST, pattern, taphouse};
use crate::lab::Lab;
use crate::program::{Ended, Program, command, script_of_tests};

const MIB: usize = 1 << 20;

/// When a server is under TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    None,
    /// Behind AUTH TLS.
    Explicit,
    /// From the first byte on.
    Implicit,
}

/// A server in the lab, and where its files are.
struct Server {
    _program: Program,
    folder: TempDir,
    /// What stands between the host and the name in a URL.
    path: &'static str,
    port: u16,
}

impl Server {
    fn vsftpd(lab: &Lab) -> Server {
        Server::vsftpd_with(lab, 2121, Tls::None)
    }

    fn vsftpd_with(lab: &Lab, port: u16, tls: Tls) -> Server {
        let folder = tempfile::tempdir().expect("a directory");
        let at = |name: &str| folder.path().join(name);
        let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        // Its root must not be writable, and belongs to root.
        fs::create_dir_all(at("root/pub")).unwrap();
        fs::create_dir(at("empty")).unwrap();
        open(folder.path(), 0o755);
        open(&at("root/pub"), 0o777);
        let of_its_own = [
            format!("listen_port={port}"),
            format!("anon_root={}", at("root").display()),
            format!("secure_chroot_dir={}", at("empty").display()),
            format!("rsa_cert_file={}", at("cert").display()),
            format!("rsa_private_key_file={}", at("key").display()),
        ];
        let mut settings = vec![
            "listen_ipv6=YES",
            "background=NO",
            "anonymous_enable=YES",
            "write_enable=YES",
            "anon_upload_enable=YES",
            "anon_mkdir_write_enable=YES",
            "anon_other_write_enable=YES",
            "anon_world_readable_only=NO",
            "anon_umask=022",
            "no_anon_password=YES",
            "port_enable=YES",
            "ascii_upload_enable=YES",
            "ascii_download_enable=YES",
            "seccomp_sandbox=NO",
            "isolate_network=NO",
        ];
        settings.extend(of_its_own.iter().map(String::as_str));
        if tls != Tls::None {
            let subject =
                "-subj /CN=vsftpd -addext subjectAltName=IP:10.77.0.1,IP:fd77::1 -addext basicConstraints=CA:FALSE";
            let (key, cert) = (at("key"), at("cert"));
            let files = format!("-keyout {} -out {}", key.display(), cert.display());
            lab.run(&format!("openssl req -x509 -newkey rsa:2048 -nodes {files} {subject}")).ok();
            settings.extend([
                "ssl_enable=YES",
                "allow_anon_ssl=YES",
                "force_anon_logins_ssl=YES",
                "force_anon_data_ssl=YES",
                "require_ssl_reuse=NO",
                if tls == Tls::Implicit { "implicit_ssl=YES" } else { "implicit_ssl=NO" },
            ]);
        }
        fs::write(at("vsftpd.conf"), settings.join("\n") + "\n").unwrap();
        let program = lab.start(command(&format!("vsftpd {}", at("vsftpd.conf").display())));
        let server = Server { _program: program, folder, path: "pub/", port };
        server.wait(lab);
        server
    }

    fn pyftpdlib(lab: &Lab) -> Server {
        let folder = tempfile::tempdir().expect("a directory");
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        let mut python = script_of_tests("ftpd.py");
        // Of both families.
        python.args(["::", "2122", &root.display().to_string()]);
        let mut program = lab.start(python);
        program.line_with("serves");
        Server { _program: program, folder, path: "", port: 2122 }
    }

    /// Until it listens.
    fn wait(&self, lab: &Lab) {
        for _ in 0..200 {
            if lab.run("ss -Hltn").ok().contains(&format!(":{} ", self.port)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("it does not listen");
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("root").join(self.path).join(name)
    }

    fn url(&self, host: &str, name: &str) -> String {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("ftp://{host}:{}/{}{name}", self.port, self.path)
    }
}

fn run(lab: &Lab, arguments: &str) -> Ended {
    let mut words = arguments.splitn(2, ' ');
    let (verb, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    lab.start(taphouse(&format!("{verb} --netns {} {rest}", lab.name))).ended()
}

fn files_go_and_come(lab: &Lab, server: &Server) {
    let away = tempfile::tempdir().expect("a directory");
    let at = |name: &str| away.path().join(name).display().to_string();
    let content = pattern(9 * MIB + 4321, 1);
    fs::write(at("large"), &content).unwrap();
    fs::write(at("none"), b"").unwrap();
    for host in HOST {
        for mode in ["", "--active"] {
            let url = |name: &str| server.url(host, name);
            run(lab, &format!("put {mode} {} {}", at("large"), url("large"))).ok();
            assert!(fs::read(server.file("large")).unwrap() == content, "{host} {mode}");
            lab.run(&format!("touch -d @1000000001 {}", server.file("large").display())).ok();
            let got = run(lab, &format!("get {mode} {} -o {}", url("large"), at("got"))).ok();
            assert_eq!(got, "", "nobody asked for more than the file");
            assert!(fs::read(at("got")).unwrap() == content, "{host} {mode}");
            assert_eq!(fs::metadata(at("got")).unwrap().mtime(), 1_000_000_001, "its time is kept");
            // Half of it came, or went, before.
            fs::write(at("got.part"), &content[..4 * MIB + 1]).unwrap();
            fs::write(at("got"), b"old").unwrap();
            run(lab, &format!("get {mode} --resume {} -o {}", url("large"), at("got"))).ok();
            assert!(fs::read(at("got")).unwrap() == content, "{host} {mode}");
            assert!(!Path::new(&at("got.part")).exists());
            let file = fs::OpenOptions::new().write(true).open(server.file("large")).unwrap();
            file.set_len(3_333_333).unwrap();
            run(lab, &format!("put {mode} --resume {} {}", at("large"), url("large"))).ok();
            assert!(fs::read(server.file("large")).unwrap() == content, "{host} {mode}");
            // Nothing at all, and lines, to the name that the file has.
            run(lab, &format!("put {mode} {} {}", at("none"), url(""))).ok();
            assert_eq!(fs::read(server.file("none")).unwrap(), b"");
            run(lab, &format!("get {mode} {} -o {}", url("none"), at("empty"))).ok();
            assert_eq!(fs::read(at("empty")).unwrap(), b"");
            fs::write(server.file("text"), b"one\ntwo\n").unwrap();
            run(lab, &format!("get {mode} {} -o {}", url("text;type=a"), at("text"))).ok();
            assert_eq!(fs::read(at("text")).unwrap(), b"one\ntwo\n");
            for name in ["large", "none", "text"] {
                fs::remove_file(server.file(name)).unwrap();
            }
        }
        let ended = run(lab, &format!("get {} -o {}", server.url(host, "nowhere"), at("got")));
        assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr.contains("the server says 550 "), "{ended:?}");
        assert!(fs::read(at("got")).unwrap() == content, "what was there is there");
    }
}

#[test]
fn files_go_to_vsftpd_and_come_back() {
    let Some(lab) = Lab::with_users() else { return };
    files_go_and_come(&lab, &Server::vsftpd(&lab));
}

#[test]
fn files_go_under_tls_and_to_nobody_else() {
    let Some(lab) = Lab::with_users() else { return };
    let away = tempfile::tempdir().expect("a directory");
    let at = |name: &str| away.path().join(name).display().to_string();
    let content = pattern(9 * MIB + 4321, 1);
    fs::write(at("large"), &content).unwrap();
    for (scheme, port, tls, explicit) in [("ftp", 2121, Tls::Explicit, "--tls"), ("ftps", 990, Tls::Implicit, "")] {
        let server = Server::vsftpd_with(&lab, port, tls);
        let certificate = server.folder.path().join("cert").display().to_string();
        for host in HOST {
            let url = |name: &str| server.url(host, name).replacen("ftp", scheme, 1);
            for mode in ["", "--active"] {
                let options = format!("{mode} {explicit} --tls-ca {certificate}");
                run(&lab, &format!("put {options} {} {}", at("large"), url("large"))).ok();
                assert!(fs::read(server.file("large")).unwrap() == content, "{host} {options}");
                run(&lab, &format!("get {options} {} -o {}", url("large"), at("got"))).ok();
                assert!(fs::read(at("got")).unwrap() == content, "{host} {options}");
                fs::remove_file(at("got")).unwrap();
                fs::remove_file(server.file("large")).unwrap();
            }
            fs::write(server.file("small"), b"hello").unwrap();
            let fails = |options: &str, said: &str| {
                let ended = run(&lab, &format!("get {options} {} -o {}", url("small"), at("got")));
                assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1), "{options}: {ended:?}");
                assert!(ended.stderr.contains(said), "{options}: {ended:?}");
                assert!(!Path::new(&at("got")).exists());
            };
            fails(explicit, "certificate");
            if tls == Tls::Explicit {
                fails("", "the server says 5");
            }
            run(&lab, &format!("get {explicit} --tls-insecure {} -o {}", url("small"), at("got"))).ok();
            assert_eq!(fs::read(at("got")).unwrap(), b"hello");
            fs::remove_file(at("got")).unwrap();
        }
    }
    // Who does not do it hears no password.
    let server = Server::pyftpdlib(&lab);
    let ended = run(&lab, &format!("get --tls --tls-insecure {} -o {}", server.url(HOST[0], "x"), at("got")));
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("the server says 5"), "{ended:?}");
}

#[test]
fn files_go_to_pyftpdlib_and_come_back() {
    let Some(lab) = Lab::new() else { return };
    let server = Server::pyftpdlib(&lab);
    files_go_and_come(&lab, &server);
    // A name and a password with everything in it that means something in a URL.
    let away = tempfile::tempdir().expect("a directory");
    let file = away.path().join("got");
    fs::create_dir(server.file("a b")).unwrap();
    fs::write(server.file("a b/ü%"), b"found").unwrap();
    let login = "al%40ice:a%3asecret%2F@";
    let get =
        |login: &str| run(&lab, &format!("get ftp://{login}10.77.0.1:2122/a%20b/%C3%BC%25 -o {}", file.display()));
    get(login).ok();
    assert_eq!(fs::read(&file).unwrap(), b"found");
    let ended = get("al%40ice:wrong@");
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("the server says 530 "), "{ended:?}");
}

#[test]
fn who_is_not_there_or_no_server_is_told_in_one_line() {
    let Some(lab) = Lab::new() else { return };
    let away = tempfile::tempdir().expect("a directory");
    let file = away.path().join("got").display().to_string();
    for (url, code, said) in [
        ("ftp://10.77.0.1:2121/x", 1, "the server refuses connections"),
        ("ftp://192.0.2.1/x", 1, "the server does not answer"),
        ("ftp://nobody.invalid/x", 1, "is no address, and not in /etc/hosts"),
        ("http://10.77.0.1/x", 2, "does not begin with ftp://"),
        ("ftp://10.77.0.1/", 2, "names no file"),
    ] {
        let ended = run(&lab, &format!("get {url} -o {file}"));
        assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(code), 1), "{url}: {ended:?}");
        assert!(ended.stderr.contains(said), "{url}: {ended:?}");
        assert!(!Path::new(&file).exists());
    }
}
