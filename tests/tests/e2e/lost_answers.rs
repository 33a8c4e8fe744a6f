//! A command whose answer is lost asks again under the same key, and takes effect once.

use crate::standalone::{Standalone, TIMEOUT};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A proxy before the REST interface. It forwards everything but the answer to the first POST, after which it closes the
/// connection.
struct ForgetfulProxy {
    address: String,
    /// The beginning of every POST.
    posts: Arc<Mutex<Vec<String>>>,
}

impl ForgetfulProxy {
    fn before(server: &str) -> ForgetfulProxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let posts = Arc::new(Mutex::new(Vec::new()));
        let (server, seen) = (server.to_owned(), posts.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server, seen) = (client.unwrap(), server.clone(), seen.clone());
                std::thread::spawn(move || carry(client, &TcpStream::connect(server).unwrap(), &seen));
            }
        });
        ForgetfulProxy { address, posts }
    }
}

/// Requests are small: each arrives in one piece.
fn carry(mut client: TcpStream, server: &TcpStream, posts: &Mutex<Vec<String>>) {
    let (mut to_client, mut from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let mut to_server = server.try_clone().unwrap();
    let forgets = Arc::new(Mutex::new(false));
    let forgets_answer = forgets.clone();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 65_536];
        while let Ok(size @ 1..) = from_server.read(&mut bytes) {
            if *forgets_answer.lock().unwrap() || to_client.write_all(&bytes[..size]).is_err() {
                break;
            }
        }
        let _ = (to_client.shutdown(Shutdown::Both), from_server.shutdown(Shutdown::Both));
    });
    let mut bytes = vec![0; 65_536];
    while let Ok(size @ 1..) = client.read(&mut bytes) {
        let request = String::from_utf8_lossy(&bytes[..size]).into_owned();
        if request.starts_with("POST ") {
            let mut posts = posts.lock().unwrap();
            *forgets.lock().unwrap() = posts.is_empty();
            posts.push(request);
        }
        if to_server.write_all(&bytes[..size]).is_err() {
            break;
        }
    }
    let _ = to_server.shutdown(Shutdown::Both);
}

#[test]
fn a_command_whose_answer_is_lost_takes_effect_once() {
    let standalone = Standalone::open(&[]);
    let wait = |id: &str| json!({ "id": id, "type": "digits_receive", "option": { "duration": 600_000 } });
    let flow = json!({ "name": "waits", "trigger": { "event": "call.incoming" }, "actions": [wait("first"), wait("second"), wait("third")] });
    let file = standalone.folder.path().join("flow.json");
    std::fs::write(&file, flow.to_string()).unwrap();
    standalone.run(&["flow", "deploy", &file.to_string_lossy(), "--route", "call=+15550111"]);
    standalone.send("call.incoming", "call-1", r#"{"from":"+15550100","to":"+15550111"}"#);
    let waiting = standalone.wait_for("the first wait", |row| row["current_action"]["id"] == "first");
    let id = waiting["id"].as_str().unwrap();

    let proxy = ForgetfulProxy::before(&standalone.api);
    let url = format!("http://{}", proxy.address);
    let key = std::fs::read_to_string(standalone.data().join("api-key")).unwrap();
    let settings = [("SIGNALBOX_API__URL", url.as_str()), ("SIGNALBOX_API__KEY", key.trim())];
    let output = standalone.try_run(&["activeflow", "continue", id], &settings);
    assert!(output.status.success(), "{}", crate::standalone::text_of(&output));

    let posts = proxy.posts.lock().unwrap().clone();
    let keys: Vec<&str> = posts
        .iter()
        .map(|post| post.split("idempotency-key: ").nth(1).unwrap().lines().next().unwrap())
        .collect();
    assert_eq!((keys.len(), keys[0].len(), keys[0]), (2, 36, keys[1]), "{posts:?}");
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let one = standalone.json(&["activeflow", "get", id]);
        if one["state"] == "waiting" && one["current_action"]["id"] != "first" {
            assert_eq!(one["current_action"]["id"], "second", "{one}");
            break;
        }
        assert!(Instant::now() < deadline, "it did not continue: {one}");
    }
}
