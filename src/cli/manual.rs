//! The manual page and the shells' completions, made from the table of arguments, so that they never say otherwise.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// What the table of arguments does not say, as man(7) wants it.
const REST: &str = r#".SH COMMANDS
.TP
\fBup\fR
Attach to a TAP and serve until SIGINT or SIGTERM. This is what is done without a command.
.TP
\fBget\fR \fIURL\fR [\fB-o\fR \fIFILE\fR] [\fB--active\fR] [\fB--resume\fR] [\fB--tls\fR] [\fB--tls-ca\fR \fIFILE\fR|\fB--tls-insecure\fR]
Fetch a file over FTP, through a stack on a TAP of its own; under TLS with \fB--tls\fR or an \fBftps://\fR URL. The options of the
wire and the addresses are those of \fBup\fR.
.TP
\fBput\fR \fIFILE URL\fR [\fB--active\fR] [\fB--resume\fR] [\fB--tls\fR] [\fB--tls-ca\fR \fIFILE\fR|\fB--tls-insecure\fR]
Bring a file over FTP.
.TP
\fBpassword\fR
Read a password, from the terminal without showing it or a line of standard input, and print its hash.
.TP
\fBman\fR
Print this page.
.TP
\fBcompletions\fR \fISHELL\fR
Print the completions for bash, zsh, fish and others.
.SH OUTPUT
One line on standard output says that everything works: \fBready\fR, the TAP, the addresses. All else is printed on standard
error, for people.
.SH SIGNALS
.TP
\fBSIGINT\fR, \fBSIGTERM\fR
End. The TAP is removed if it was made, and the counters are printed.
.TP
\fBSIGUSR1\fR
Print the counters.
.SH EXIT STATUS
.TP
\fB0\fR
It ended as it was told to.
.TP
\fB1\fR
It failed while running.
.TP
\fB2\fR
Unusable arguments or configuration.
.SH FILES
.TP
\fI/dev/net/tun\fR
The driver of the TAP.
.TP
\fI/etc/machine-id\fR
What the Ethernet address follows from when none is given.
.SH EXAMPLES
.nf
taphouse
taphouse \-\-netns lab \-\-services echo
taphouse \-\-check \-\-config host.toml
.fi
.SH SEE ALSO
\fBip\-tuntap\fR(8), \fBip\-netns\fR(8), \fBping\fR(8), \fBarping\fR(8), \fBnc\fR(1)
"#;

/// The manual page. The options are those of `table`.
pub(super) fn page(table: Command) -> String {
    let man = Man::new(table).source(concat!("taphouse ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    let rendered = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page));
    rendered.expect("a vector takes whatever is written to it");
    page.extend(REST.bytes());
    String::from_utf8_lossy(&page).into_owned()
}

/// What a shell reads to complete `command`.
pub(super) fn completions(command: &mut Command, shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "taphouse", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
