//! FTP under TLS: what `curl`, `lftp` and Python's ftplib make of it, and what nobody can do in between.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::house::{BOTH, V4, pattern};
use crate::lab::Lab;

#[test]
fn curl_lftp_and_ftplib_go_under_tls() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let house = lab.house(&format!("--services ftp --writable --root {}", at("root")));
    let content = pattern(9 * (1 << 20) + 4321, 1);
    fs::write(at("root/large"), &content).unwrap();
    let certificate = lab.state().join("tls/cert.pem");
    let key = fs::metadata(lab.state().join("tls/key.pem")).expect("the key is kept");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    for to in BOTH {
        let url = if to.is_ipv6() { format!("ftp://[{to}]") } else { format!("ftp://{to}") };
        for mode in ["", "--tls-max 1.2", "--ftp-ssl-control"] {
            // Active is for ftplib: curl 7.88 cannot tell whom it accepted then.
            // It knows our certificate, and that it is ours.
            let known = format!("--ssl-reqd --cacert {}", certificate.display());
            let curl = |arguments: &str| lab.run(&format!("curl -sS -g --max-time 60 {known} {mode} {arguments}")).ok();
            curl(&format!("{url}/large -o {}", at("got")));
            assert!(fs::read(at("got")).unwrap() == content, "{url} {mode}");
            curl(&format!("-T {} {url}/put", at("got")));
            assert!(fs::read(at("root/put")).unwrap() == content, "{url} {mode}");
            fs::remove_file(at("root/put")).unwrap();
            assert!(curl(&format!("{url}/")).contains("large"));
        }
        let done = lab.python("ftp.py", &["under_tls", &to.to_string(), "3000017"]);
        assert_eq!(done, "under tls\n");
        let set = "set ssl:verify-certificate no; set ftp:ssl-force yes; set net:max-retries 2; set net:timeout 20";
        let script =
            format!("{set}; set cmd:fail-exit yes; open {url}; get large -o {0}; put {0} -o back; quit", at("lftp"));
        fs::write(at("script"), script).unwrap();
        lab.run(&format!("lftp -f {}", at("script"))).ok();
        assert!(fs::read(at("lftp")).unwrap() == content && fs::read(at("root/back")).unwrap() == content);
        fs::remove_file(at("lftp")).unwrap();
    }
    assert!(house.end().status.success());
    // The certificate is kept: who trusted it once goes on doing so.
    let before = fs::read(&certificate).unwrap();
    let house = lab.house(&format!("--services ftp --root {}", at("root")));
    assert_eq!(fs::read(&certificate).unwrap(), before);
    assert!(house.end().status.success());
}

#[test]
fn nothing_gets_under_tls_from_the_clear() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let house = lab.house(&format!("--services ftp --writable --root {}", folder.path().display()));
    fs::write(folder.path().join("kept"), b"kept").unwrap();
    assert_eq!(lab.python("ftp.py", &["injected", &V4.to_string(), "0"]), "not injected\n");
    assert_eq!(fs::read(folder.path().join("kept")).unwrap(), b"kept");
    assert!(house.end().status.success());
}

#[test]
fn a_certificate_that_is_given_is_used_or_refused_with_its_name() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let subject = "-subj /CN=taphouse -addext subjectAltName=IP:10.77.0.2";
    lab.run(&format!("openssl req -x509 -newkey rsa:2048 -nodes -keyout {} -out {} {subject}", at("key"), at("cert")))
        .ok();
    let options = format!("--services ftp --root {} --tls-cert {}", at("root"), at("cert"));
    let house = lab.house(&format!("{options} --tls-key {}", at("key")));
    fs::write(at("root/file"), b"hello").unwrap();
    let got = lab.run(&format!("curl -sS --max-time 60 --ssl-reqd --cacert {} ftp://{V4}/file", at("cert"))).ok();
    assert_eq!(got.trim_end(), "hello");
    assert!(house.end().status.success());
    let refused = lab.refused(&format!("{options} --tls-key {}", at("cert")));
    assert!(!refused.status.success() && refused.stderr.contains("the key is no PEM file"), "{refused:?}");
    let refused = lab.refused(&options);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stderr.contains("tls-key"), "{refused:?}");
}
