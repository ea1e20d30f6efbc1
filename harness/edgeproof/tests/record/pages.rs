//! What a visitor does in pages of every kind, with each engine, recorded and done again.

use std::fs;

use edgeproof_browser::{
    DEFAULT_LIMIT, DialogAnswer, Engine, Input, Page, PageError, Place, Sight,
};
use edgeproof_ground::tools;
use edgeproof_record::{Deeds, Session, of_session};
use edgeproof_rig::Rig;
use rstest::rstest;

use super::{rig_of, run};

/// An app whose pages have what people fill in and click: its scripts give some of it no name of its own.
const APP: &str = r##"
const http = require("node:http");
const page = (body) => `<!doctype html><html><head><title>Shop</title></head><body>${body}</body></html>`;
const pages = {
  "/": page(`
    <form action="/search"><input type="search" name="q"></form>
    <form id="order" method="post" action="/orders">
      <label>Your name <input class="x1"></label>
      <label for="r_1_">Size</label><select id="r_1_" name="size"><option value="s">Small<option value="l">Large</select>
      <label><input type="checkbox" name="terms" value="yes"> I agree</label>
      <label><input type="radio" name="way" value="post"> Post</label><label><input type="radio" name="way" value="bike"> Bike</label>
      <div contenteditable aria-label="Message"></div>
      <input type="file" name="plan">
      <input type="password" name="pin">
      <iframe src="/frame"></iframe>
      <shop-button></shop-button>
      <button type="button" onclick="confirm('Sure?') && fetch('/sure', { method: 'DELETE' })">Sure</button>
      <button type="button" onclick="confirm('Gone?') || fetch('/kept', { method: 'PUT' })">Keep</button>
      <button type="button" onclick="fetch('/called/' + prompt('What is it called?'), { method: 'PUT' })">Call</button>
      <nav><style>nav ul { display: none } nav:hover ul { display: block }</style><b>More</b><ul><li><button type="button" onclick="fetch('/menu', { method: 'PUT' })">Hidden</button></ul></nav>
      <button>Order</button>
    </form>
    <p><a href="/window" target="_blank">Terms</a></p>
    <ul><li><button type="button" onclick="this.textContent = 'Done'">Add</button></li><li><button type="button" onclick="this.textContent = 'Done'">Add</button></li></ul>
    <script>
      customElements.define("shop-button", class extends HTMLElement {
        connectedCallback() {
          this.attachShadow({ mode: "open" }).innerHTML = '<button type="button">Count</button><output></output>'
          const [button, output] = this.shadowRoot.children
          button.onclick = () => { output.textContent = "1"; fetch("/count", { method: "PUT" }) }
        }
      })
    </script>`),
  "/frame": page(`<button type="button" onclick="fetch('/inner', { method: 'POST' })">Inner</button>`),
  "/window": page(`<button type="button" onclick="fetch('/agree', { method: 'POST' })">Agree</button>`),
  "/search": page("<h1>Found</h1>"),
  "/orders/81726": page("<h1>Thanks</h1>"),
};
http.createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://a.example");
  request.resume();
  if (request.method === "POST" && pathname === "/orders") return response.writeHead(303, { location: "/orders/81726" }).end();
  if (request.method !== "GET") return response.writeHead(204).end();
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.writeHead(pages[pathname] ? 200 : 404).end(pages[pathname]);
}).listen(process.env.PORT, "127.0.0.1");
"##;

const WORLD: &str = r##"scenario: A shop
given:
  zones: { shop.example: { hosts: { shop.example: { app: { run: node app.cjs } } } } }
  visitors: { ann: { profile: regular, engine: ENGINE } }
"##;

/// Everything, as a person does it.
async fn act(visit: &Page) -> Result<(), PageError> {
    visit.visit("https://shop.example/", DEFAULT_LIMIT).await?;
    let hand = || visit.input(DEFAULT_LIMIT);
    let at = |place: Place| -> Input<'_> { visit.input(DEFAULT_LIMIT).at(&place) };
    hand()
        .fill("label=Your name", &["Ann ${not}".to_owned()])
        .await?;
    // From the name to the size, and the option that begins with this letter.
    hand().press(&"Tab".parse().unwrap(), None).await?;
    hand().press(&"l".parse().unwrap(), None).await?;
    hand().check("input[name=terms]", true).await?;
    hand().check("input[value=bike]", true).await?;
    hand()
        .fill("[contenteditable]", &["Hello".to_owned()])
        .await?;
    hand()
        .fill("input[name=pin]", &["secret-pin-77".to_owned()])
        .await?;
    let plan = tools::home().join("README.md");
    hand().upload("input[name=plan]", &[plan]).await?;
    hand().click("role=button[name=\"Count\"]").await?;
    hand().click("li:nth-of-type(2) > button").await?;
    for (button, answer) in [
        ("text=Sure", DialogAnswer::Accept),
        ("text=Keep", DialogAnswer::Dismiss),
        ("text=Call", DialogAnswer::Text("Rex".to_owned())),
    ] {
        visit.answer_dialogs(Some(answer));
        hand().click(button).await?;
        assert!(visit.dialog(DEFAULT_LIMIT).await);
        visit.take_dialogs();
    }
    hand().hover("text=More").await?;
    hand().click("text=Hidden").await?;
    at(Place {
        frames: vec!["iframe".to_owned()],
        window: None,
    })
    .click("button")
    .await?;
    hand().click("text=Terms").await?;
    at(Place {
        frames: Vec::new(),
        window: Some("/window*".parse().unwrap()),
    })
    .click("button")
    .await?;
    hand()
        .press(&"Enter".parse().unwrap(), Some("input[name=q]"))
        .await?;
    hand().wait_for(&Sight::Text("Found".to_owned())).await?;
    visit.visit("https://shop.example/", DEFAULT_LIMIT).await?;
    hand().click("text=Order").await?;
    hand().wait_for(&Sight::Text("Thanks".to_owned())).await?;
    Ok(())
}

/// What is told of it meanwhile.
async fn record(rig: &Rig) -> Session {
    let visit = rig.browser("ann").await.unwrap();
    let mut told = visit.record().await.unwrap();
    let mut deeds = Deeds::default();
    let mut acting = Box::pin(act(&visit));
    loop {
        tokio::select! {
            deed = told.next() => deeds.push(deed.unwrap()),
            done = &mut acting => break done.unwrap(),
        }
    }
    for deed in told.rest().await {
        deeds.push(deed);
    }
    Session::of(rig, &visit, deeds, "ann")
}

#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn say_skipped(why: &str) {
    eprintln!("skipped: {why}");
}

#[rstest]
#[case::chromium(Engine::Chromium)]
#[case::firefox(Engine::Firefox)]
#[tokio::test]
async fn every_kind_of_element_is_found_again(#[case] engine: Engine) {
    if let Err(missing) = tools::find(engine.tool())
        && std::env::var_os("CI").is_none()
    {
        say_skipped(&missing.to_string());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    fs::write(folder.path().join("app.cjs"), APP).unwrap();
    fs::write(&file, WORLD.replace("ENGINE", engine.name())).unwrap();
    let (world, rig) = rig_of(&file).await;
    let session = record(&rig).await;
    rig.stop().await;

    let recording = of_session(&world, "recorded", "Recorded", &session).unwrap();
    let recorded = folder.path().join("recorded.yaml");
    recording.write(&recorded).unwrap();
    recording
        .check(&recorded)
        .unwrap_or_else(|error| panic!("{error:?}\n{}", recording.text));
    for expected in [
        r#"label=Your name: "Ann $${not}""#,
        r#"select: { "select[name=\"size\"]": l }"#,
        r#"check: "input[name=\"terms\"]"#,
        r#"check: "input[name=\"way\"][value=\"bike\"]"#,
        "label=Message: Hello",
        "${env.PIN_SECRET}",
        r#"upload: { "input[name=\"plan\"]": recorded.files/README.md }"#,
        r#"click: "role=button[name=\"Count\"]""#,
        "li:nth-of-type(2)",
        r##"frame: "#order > iframe""##,
        "window: shop.example/window*",
        "call: PUT /count",
        "call: DELETE /sure",
        "dialog: accept",
        "dialog: dismiss",
        "call: PUT /kept",
        "dialog: Rex",
        "call: PUT /called/Rex",
        "hover: text=More",
        "call: PUT /menu",
        "call: POST /agree",
        r#"submit: "form[action=\"/search\"]""#,
        "url: /search*",
        "url: /orders/*",
    ] {
        assert!(
            recording.text.contains(expected),
            "{expected} is not in\n{}",
            recording.text
        );
    }
    let secret = [("PIN_SECRET", "secret-pin-77")];
    let (code, said) = run(folder.path(), &["recorded.yaml"], &secret);
    assert_eq!(code, Some(0), "{said}\n{}", recording.text);
}
