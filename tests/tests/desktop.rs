//! A remote desktop that we did not write, in a headless browser through the gateway: noVNC and websockify in front of
//! a TigerVNC server. Keys and pictures go through one WebSocket, as binary frames.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use adit_tests::application::{self, Application, free_port};
use adit_tests::{Directory, Process, Scratch, browser, python, target};

/// How often each of the three colours is asked for.
const ROUNDS: usize = 20;

/// What the terminal on the desktop runs: it notes each key in a file, and paints itself in the colour that the key
/// names or, for `p`, prints more than a megabyte that does not repeat.
const PAINTER: &str = r"stty -echo
printf '\033[?25l'
while read -rsn1 key; do
  printf '%s' $key >> $1
  case $key in
    r) printf '\033[48;2;255;0;0m\033[2J' ;;
    g) printf '\033[48;2;0;255;0m\033[2J' ;;
    b) printf '\033[48;2;0;0;255m\033[2J' ;;
    p) head -c 1000000 /dev/urandom | base64 -w 120 ;;
  esac
done
";

/// A desktop of one terminal, its VNC server, and the web page that shows it.
struct Desktop {
    web: Application,
    /// The keys that the terminal has read.
    keys: PathBuf,
    _terminal: Process,
    _vnc: Application,
}

impl Desktop {
    fn start(folder: &Path) -> Self {
        // A port is also the number of the display, which nobody else uses then.
        let (port, web_port) = (free_port(), free_port());
        let (display, log) = (format!(":{port}"), |name: &str| folder.join(format!("{name}.log")));
        let mut vnc = application::program("Xtigervnc");
        vnc.args([&display, "-rfbport", &port.to_string(), "-localhost", "-SecurityTypes", "None"]);
        vnc.args(["-geometry", "800x600", "-nolisten", "tcp"]);
        let vnc = Application::start("Xtigervnc", &mut vnc, port, &log("vnc"));

        let (painter, keys) = (folder.join("painter.sh"), folder.join("keys"));
        fs::write(&painter, PAINTER).unwrap();
        let mut terminal = application::program("xterm");
        terminal.env("DISPLAY", &display).args(["-geometry", "200x80+0+0", "+sb", "-e", "bash"]);
        let terminal = Process::start("xterm", terminal.arg(painter).arg(&keys), &log("terminal"));

        let mut web = application::program("websockify");
        web.args(["--web", "/usr/share/novnc", &format!("127.0.0.1:{web_port}"), &format!("127.0.0.1:{port}")]);
        let web = Application::start("websockify", &mut web, web_port, &log("web"));
        Self { web, keys, _terminal: terminal, _vnc: vnc }
    }
}

#[test]
fn a_desktop_obeys_and_shows_itself_in_a_browser_through_the_gateway() {
    let directory = Directory::start();
    let _connector = directory.connector("beside-the-desktop");
    let scratch = Scratch::new();
    let desktop = Desktop::start(scratch.path());
    let _application = directory.publish_url("desktop", &desktop.web.url(), "desktop.localhost", "Default");
    directory.wait_until_served_at("desktop.localhost", "/vnc.html");
    let home = scratch.join("browser");
    browser::home(&home, &directory.ca());

    let screenshot = target().join("desktop.png").display().to_string();
    let url = directory.external_url("desktop.localhost");
    let rounds = ROUNDS.to_string();
    let printed = python::run("desktop.py", &[&url, &screenshot, home.to_str().unwrap(), &rounds]);
    print!("{printed}");

    assert!(printed.contains(&format!("{} keys showed their colour", 3 * ROUNDS)), "{printed}");
    let read = fs::read_to_string(&desktop.keys).unwrap();
    assert_eq!(read, "rgb".repeat(ROUNDS) + "pg", "the keys arrived once, in their order");
}
