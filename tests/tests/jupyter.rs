//! A real private web application that we did not write: JupyterLab, behind the gateway, in a headless browser.
//!
//! The browser trusts the directory's CA and ignores no certificate error; the notebook's kernel speaks through
//! WebSockets. JupyterLab has its defaults (it answers only to its own host name, and checks `Origin`), but for the
//! password prompt, which an administrator turns off when the gateway signs users in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use adit_tests::{Directory, Process, Scratch, browser, python, settles, target};
use serde_json::json;

const START_LIMIT: Duration = Duration::from_secs(90);

/// A JupyterLab with one notebook, whose one cell is `6*7`.
struct Jupyter {
    _process: Process,
    url: String,
}

impl Jupyter {
    fn start(folder: &Path) -> Self {
        let cell = json!({"cell_type": "code", "id": "sum", "metadata": {}, "execution_count": null, "outputs": [],
            "source": ["6*7"]});
        let kernel = json!({"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}});
        let notebook = json!({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5});
        std::fs::create_dir_all(folder.join("notebooks")).unwrap();
        std::fs::write(folder.join("notebooks/sum.ipynb"), notebook.to_string()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python::program("jupyter-lab"));
        command
            .args(["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"])
            .args([format!("--ServerApp.port={port}"), "--IdentityProvider.token=".to_owned()])
            .arg(format!("--ServerApp.root_dir={}", folder.join("notebooks").display()))
            .env("HOME", folder)
            .env("PATH", path_with_environment())
            .env("JUPYTER_PLATFORM_DIRS", "1");
        let process = Process::start("jupyter", &mut command, &folder.join("jupyter.log"));
        let url = format!("http://127.0.0.1:{port}/");
        settles("a JupyterLab that answers", START_LIMIT, || {
            let (out, api) = (folder.join("status"), format!("{url}api/status"));
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--fail", "--noproxy", "*", "--output"]).arg(out).arg(api);
            curl.status().is_ok_and(|status| status.success())
        });
        Self { _process: process, url }
    }
}

fn path_with_environment() -> String {
    let bin = python::program("python").parent().unwrap().display().to_string();
    format!("{bin}:{}", std::env::var("PATH").unwrap_or_default())
}

#[test]
fn a_notebook_cell_runs_in_a_browser_through_the_gateway() {
    let directory = Directory::start();
    let _connector = directory.connector("beside-jupyter");
    let scratch = Scratch::new();
    let jupyter = Jupyter::start(scratch.path());
    let _application = directory.publish_url("jupyter", &jupyter.url, "jupyter.localhost", "Default");
    directory.wait_until_served_at("jupyter.localhost", "/api/status");
    let home = scratch.join("browser");
    browser::home(&home, &directory.ca());

    let screenshot = target().join("jupyter.png").display().to_string();
    let url = directory.external_url("jupyter.localhost");
    let printed = python::run("jupyter.py", &[&url, &screenshot, home.to_str().unwrap()]);

    assert!(printed.contains("the notebook shows 42"), "{printed}");
    assert!(printed.contains("/channels"), "the kernel's WebSocket went through the gateway: {printed}");
}
