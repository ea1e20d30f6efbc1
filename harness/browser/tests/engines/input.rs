//! The input steps.

use std::{path::PathBuf, time::Duration};

use edgeproof_browser::{
    DEFAULT_LIMIT, DialogAnswer,
    Engine::{self, Chromium, Firefox},
    Lease, OptionChoice, Page, PageError, Place, Profile, Sight,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::borrow;

/// Long enough for what succeeds on a busy machine.
const SOON: Duration = DEFAULT_LIMIT;

/// For what does not become possible.
const BRIEF: Duration = Duration::from_millis(700);

/// A visitor of a page with this body.
async fn visitor_of(engine: Engine, body: &str) -> (Lease, Page) {
    let (lease, page) = borrow(engine, Profile::Regular).await;
    page.visit("http://shop.example/", SOON).await.unwrap();
    let body = Value::from(body);
    page.run(&format!("document.body.innerHTML = {body}"))
        .await
        .unwrap();
    (lease, page)
}

/// Why it was not possible.
fn reason(done: Result<(), PageError>) -> String {
    match done {
        Err(PageError::Obstacle { reason, .. } | PageError::Refused { reason, .. }) => reason,
        other => panic!("expected an obstacle, got {other:?}"),
    }
}

const COVER: &str = "<button id=b>Go</button><div id=banner style='position:fixed;inset:0'>We value your privacy</div>";

#[rstest]
#[case::missing(
    "<button id=send>Go</button>",
    "#sendd",
    "no element matches `#sendd`; the page has `#send`"
)]
#[case::wrong_selector("", "#b[", "the selector is wrong: '#b[' is not a valid selector")]
#[case::not_displayed(
    "<p style='display:none'><button id=b>Go</button></p>",
    "#b",
    "it is not visible: <p>Go</p> has display: none"
)]
#[case::invisible(
    "<button id=b style='visibility:hidden'>Go</button>",
    "#b",
    "it is not visible: it has visibility: hidden"
)]
#[case::without_size("<a id=b></a>", "#b", "it is not visible: it has no size (0 × 0)")]
#[case::disabled("<button id=b disabled>Go</button>", "#b", "it is disabled")]
#[case::disabled_by_a_group(
    "<fieldset disabled><button id=b>Go</button></fieldset>",
    "#b",
    "it is disabled"
)]
#[case::disabled_for_readers(
    "<div aria-disabled=true><b id=b>Go</b></div>",
    "#b",
    "it is disabled"
)]
#[case::covered(
    COVER,
    "#b",
    "<div id=\"banner\">We value your privacy</div> covers it"
)]
#[case::outside(
    "<button id=b style='position:fixed;left:-500px'>Go</button>",
    "#b",
    "it cannot be scrolled into the window"
)]
#[case::moving(
    "<style>@keyframes m { to { margin-left: 300px } }</style><button id=b style='animation: m 500ms infinite alternate'>Go</button>",
    "#b",
    "it did not stop moving"
)]
#[tokio::test]
async fn a_click_that_is_not_possible_says_what_is_missing(
    #[case] body: &str,
    #[case] selector: &str,
    #[case] expected: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, body).await;
    page.run("addEventListener('click', () => document.title = 'clicked')")
        .await
        .unwrap();
    assert_eq!(reason(page.input(BRIEF).click(selector).await), expected);
    assert_eq!(
        page.run("return document.title").await.unwrap(),
        json!("site")
    );
    lease.give_back(page).await.unwrap();
}

/// Each becomes possible after a while, by this change of the page.
#[rstest]
#[case::added("", "document.body.innerHTML = '<button id=b>Go</button>'")]
#[case::shown("<button id=b hidden>Go</button>", "b.hidden = false")]
#[case::enabled("<button id=b disabled>Go</button>", "b.disabled = false")]
#[case::uncovered(COVER, "banner.remove()")]
#[case::at_rest(
    "<button id=b>Go</button><script></script>",
    "b.getAnimations().forEach(a => a.cancel())"
)]
#[case::below("<div style='height:3000px'></div><button id=b>Go</button>", "")]
#[case::below_a_bar(
    "<div style='height:3000px'></div><button id=b>Go</button><div style='position:fixed;left:0;right:0;top:30%;height:45%'></div>",
    ""
)]
#[case::in_a_shadow_root(
    "<div id=host></div>",
    "host.attachShadow({ mode: 'open' }).innerHTML = '<button id=b>Go</button>'"
)]
#[case::of_several_lines("<p style='width:60px'>aaaaaa <a href='#x' id=b>two words</a></p>", "")]
#[tokio::test]
async fn a_click_waits_until_it_is_possible_and_arrives(
    #[case] body: &str,
    #[case] change: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, body).await;
    let later = format!(
        "addEventListener('click', event => window.hit = event.composedPath()[0].id);
         document.querySelector('#b')?.animate?.([{{ marginLeft: '0' }}, {{ marginLeft: '200px' }}], {{ duration: 400 }});
         setTimeout(() => {{ {change} }}, 300)"
    );
    page.run(&later).await.unwrap();
    page.input(SOON).click("#b").await.unwrap();
    assert_eq!(page.run("return window.hit").await.unwrap(), json!("b"));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn what_slides_under_the_mouse_is_not_clicked_instead(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "<button id=b>Go</button><button id=other hidden style='position:fixed;inset:0'>No</button>").await;
    // The other one comes with the mouse, after the look, and goes with the first press.
    let script = "addEventListener('mousemove', () => other.hidden = false, { once: true });
        addEventListener('mousedown', () => setTimeout(() => other.remove()), { once: true });
        window.clicked = [];
        document.body.addEventListener('click', event => clicked.push(event.target.id))";
    page.run(script).await.unwrap();
    // The page does not even hear of the press that went wrong, so the other one stays.
    let covered = page.input(BRIEF).click("#b").await;
    assert!(reason(covered).contains("<button id=\"other\">No</button> covers it"));
    assert_eq!(
        page.run("other.remove(); return clicked").await.unwrap(),
        json!([])
    );
    page.input(SOON).click("#b").await.unwrap();
    assert_eq!(page.run("return clicked").await.unwrap(), json!(["b"]));
    lease.give_back(page).await.unwrap();
}

const SIZES: &str = "<select id=f><option value=s>Small<option value=l>Large<option value=x disabled>Extra</select>";
const PLANS: &str = "<form><input type=radio name=plan value=free id=f checked><input type=radio name=plan value=pro id=p></form>";

#[rstest]
#[case::text("<input id=f value=old>", &["new"], "f.value", "new")]
#[case::emptied("<input id=f value=old>", &[""], "f.value", "")]
#[case::textarea("<textarea id=f>old</textarea>", &["x\ny"], "f.value", "x\ny")]
#[case::email("<input type=email id=f>", &["ann@shop.example"], "f.value", "ann@shop.example")]
#[case::number("<input type=number id=f>", &["12.5"], "f.value", "12.5")]
#[case::date("<input type=date id=f>", &["2026-01-02"], "f.value", "2026-01-02")]
#[case::time("<input type=time id=f>", &["12:30"], "f.value", "12:30")]
#[case::month("<input type=month id=f>", &["2026-01"], "f.value", "2026-01")]
#[case::colour("<input type=color id=f>", &["#00ff00"], "f.value", "#00ff00")]
#[case::range("<input type=range id=f min=0 max=10>", &["7"], "f.value", "7")]
#[case::editable("<div id=f contenteditable>old</div>", &["new"], "f.textContent", "new")]
#[case::editable_lines("<div id=f contenteditable>old</div>", &["x\ny"], "f.innerText", "x\ny")]
#[case::by_value(SIZES, &["l"], "f.value", "l")]
#[case::by_label(SIZES, &["Large"], "f.value", "l")]
#[case::by_number(SIZES, &["1"], "f.value", "l")]
#[case::several("<select id=f multiple><option>a<option selected>b<option>c</select>", &["a", "c"], "[...f.selectedOptions].map(o => o.value).join()", "a,c")]
#[case::checkbox("<input type=checkbox id=f>", &["true"], "String(f.checked)", "true")]
#[case::unchecked("<input type=checkbox id=f checked>", &["false"], "String(f.checked)", "false")]
#[case::behind_its_label("<input type=checkbox id=f style='display:none'><label for=f>Agree</label>", &["true"], "String(f.checked)", "true")]
#[case::radio("<input type=radio name=r id=f>", &["true"], "String(f.checked)", "true")]
#[case::radio_of_a_group(PLANS, &["pro"], "new FormData(document.querySelector('form')).get('plan')", "pro")]
#[case::by_its_label("<label id=f>Name <input id=i></label>", &["Ann"], "i.value", "Ann")]
#[tokio::test]
async fn every_kind_of_field_is_filled_and_the_page_hears_of_it(
    #[case] body: &str,
    #[case] values: &[&str],
    #[case] look: &str,
    #[case] expected: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, body).await;
    page.run("document.body.addEventListener('input', () => document.title = 'heard')")
        .await
        .unwrap();
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    page.input(SOON).fill("#f", &values).await.unwrap();
    let seen = page
        .run(&format!("return [{look}, document.title]"))
        .await
        .unwrap();
    assert_eq!(seen, json!([expected, "heard"]));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case::no_field("<div id=f>x</div>", &["x"], "it is no field")]
#[case::a_button("<input type=submit id=f>", &["x"], "it is no field")]
#[case::file("<input type=file id=f>", &["a.png"], "it is a file field; the step `upload` fills those")]
#[case::read_only("<input id=f readonly>", &["x"], "it is read-only")]
#[case::disabled("<input id=f disabled>", &["x"], "it is disabled")]
#[case::hidden("<input id=f hidden>", &["x"], "it is not visible: it has display: none")]
#[case::too_long("<input id=f maxlength=2>", &["abc"], "its value became `ab`")]
#[case::changed("<input id=f oninput='this.value = this.value.toUpperCase()'>", &["abc"], "its value became `ABC`")]
#[case::no_number("<input type=number id=f>", &["abc"], "it is empty: it does not take such a value")]
#[case::no_date("<input type=date id=f>", &["tomorrow"], "it is empty: it does not take such a value")]
#[case::out_of_range("<input type=range id=f min=0 max=10>", &["70"], "its value became `10`")]
#[case::no_option(SIZES, &["Huge"], "it has no option `Huge`; it has `Small`, `Large`, `Extra`")]
#[case::disabled_option(SIZES, &["Extra"], "the option `Extra` is disabled")]
#[case::two_of_one(SIZES, &["s", "l"], "it takes one option only")]
#[case::no_choice("<input type=checkbox id=f>", &["yes"], "it is a checkbox, and takes `true` or `false`")]
#[case::held("<input type=checkbox id=f onclick='return false'>", &["true"], "it is still unchecked after a click")]
#[case::no_such_radio(PLANS, &["gold"], "no button of its group has this value; they have [\"free\",\"pro\"]")]
#[tokio::test]
async fn a_field_whose_value_does_not_become_so_fails(
    #[case] body: &str,
    #[case] values: &[&str],
    #[case] expected: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, body).await;
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    assert_eq!(
        reason(page.input(BRIEF).fill("#f", &values).await),
        expected
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case(OptionChoice::Value("2".to_owned()), "2")]
#[case(OptionChoice::Label("2".to_owned()), "1")]
#[case(OptionChoice::Index(0), "2")]
#[tokio::test]
async fn an_option_is_chosen_by_what_it_is_named_by(
    #[case] choice: OptionChoice,
    #[case] value: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(
        engine,
        "<select id=f><option value=2>1<option value=1>2</select>",
    )
    .await;
    page.input(SOON).select("#f", &[choice]).await.unwrap();
    assert_eq!(page.run("return f.value").await.unwrap(), json!(value));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn files_are_chosen_even_in_a_field_that_is_not_shown(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(
        engine,
        "<input type=file id=f hidden multiple><input type=file id=one>",
    )
    .await;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let files = [folder.join("Cargo.toml"), folder.join("src/lib.rs")];
    page.input(SOON).upload("#f", &files).await.unwrap();
    let names = page
        .run("return [...f.files].map(file => file.name)")
        .await
        .unwrap();
    assert_eq!(names, json!(["Cargo.toml", "lib.rs"]));
    let refused = reason(page.input(BRIEF).upload("#one", &files).await);
    let expected = match engine {
        Chromium => "it took [\"Cargo.toml\"]",
        _ => "multiple",
    };
    assert!(refused.contains(expected), "{refused}");
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn the_mouse_hovers_and_keys_are_pressed(#[values(Chromium, Firefox)] engine: Engine) {
    let (lease, page) = visitor_of(
        engine,
        "<style>#menu { display: none } #m:hover #menu { display: block }</style>
        <div id=m>Menu<button id=menu>Entry</button></div><input id=f value=abc>",
    )
    .await;
    page.input(SOON).hover("#m").await.unwrap();
    page.input(SOON).click("#menu").await.unwrap();
    for (key, selector) in [
        ("End", Some("#f")),
        ("Backspace", None),
        ("d", None),
        ("Tab", None),
    ] {
        page.input(SOON)
            .press(&key.parse().unwrap(), selector)
            .await
            .unwrap();
    }
    let seen = page
        .run("return [f.value, document.activeElement === f]")
        .await
        .unwrap();
    assert_eq!(seen, json!(["abd", false]));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case(
    "<form id=f><input required name=email></form>",
    "is not valid: Please fill out this field."
)]
#[case("<div id=f></div>", "<div id=\"f\"> is no form")]
#[tokio::test]
async fn a_form_that_is_not_submitted_says_why(
    #[case] body: &str,
    #[case] expected: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, body).await;
    let refused = reason(page.input(BRIEF).submit("#f").await);
    assert!(refused.ends_with(expected), "{refused}");
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn frames_in_frames_are_acted_in_where_they_are(#[values(Chromium, Firefox)] engine: Engine) {
    let (lease, page) = visitor_of(
        engine,
        "<div style='height:2000px'></div>
        <iframe id=outer style='margin:40px;border:7px solid' width=500 height=400></iframe>",
    )
    .await;
    let script = "outer.srcdoc = '<div style=height:900px></div><iframe id=inner></iframe>';
        await new Promise(done => outer.onload = done);
        outer.contentDocument.querySelector('#inner').srcdoc = '<button id=b>Go</button><input id=f>'";
    page.run(script).await.unwrap();
    let place = Place {
        window: None,
        frames: vec!["#outer".to_owned(), "#inner".to_owned()],
    };
    page.input(SOON)
        .at(&place)
        .fill("#f", &["Ann".to_owned()])
        .await
        .unwrap();
    page.run_at(&place, "b.onclick = () => b.textContent = f.value")
        .await
        .unwrap();
    page.input(SOON).at(&place).click("#b").await.unwrap();
    assert_eq!(
        page.run_at(&place, "return b.textContent").await.unwrap(),
        json!("Ann")
    );
    assert!(page.html(&place).await.unwrap().contains(">Ann<"));
    let elsewhere = Place {
        frames: vec!["#outer".to_owned(), "#none".to_owned()],
        ..place
    };
    assert_eq!(
        reason(page.input(BRIEF).at(&elsewhere).click("#b").await),
        "no frame matches `#none`"
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_frame_of_another_site_is_acted_in_too(#[values(Chromium, Firefox)] engine: Engine) {
    let (lease, page) =
        visitor_of(engine, "<iframe id=pay src='http://pay.example/'></iframe>").await;
    let place = Place {
        window: None,
        frames: vec!["#pay".to_owned()],
    };
    page.input(SOON)
        .at(&place)
        .fill("#name", &["Ada".to_owned()])
        .await
        .unwrap();
    page.input(SOON).at(&place).click("#send").await.unwrap();
    let sent = page
        .call(0, "the call of the frame", SOON, |call| {
            call.url == "http://pay.example/api/send"
        })
        .await;
    assert_eq!(sent.unwrap().posted.as_deref(), Some("Ada"));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_window_that_the_page_opened_is_acted_in(#[values(Chromium, Firefox)] engine: Engine) {
    let (lease, page) = visitor_of(
        engine,
        "<button id=b onclick=\"window.open('/?in=window')\">Open</button>",
    )
    .await;
    page.input(SOON).click("#b").await.unwrap();
    let place = Place {
        window: Some("/?in=window".parse().unwrap()),
        frames: Vec::new(),
    };
    page.input(SOON).at(&place).click("#send").await.unwrap();
    page.input(SOON)
        .at(&place)
        .wait_for(&Sight::Element("title".to_owned()))
        .await
        .unwrap_err();
    let title = "await new Promise(done => { const look = () => document.title !== 'site' ? done() : setTimeout(look, 10); look(); }); return document.title";
    assert_eq!(
        page.run_at(&place, title).await.unwrap(),
        json!("answered 403")
    );
    // The page itself is behind it, and is acted in all the same.
    page.input(SOON).click("#b").await.unwrap();
    let none = Place {
        window: Some("/none".parse().unwrap()),
        frames: Vec::new(),
    };
    assert_eq!(
        reason(page.input(BRIEF).at(&none).click("#b").await),
        "no window is open whose URL matches `/none`"
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case::at_once("onclick = () => window.close()")]
#[case::before_it_says_that_it_was_clicked(
    "onmouseup = () => { window.close(); const now = Date.now(); while (Date.now() < now + 1000); }"
)]
#[tokio::test]
async fn a_click_that_closes_its_window_is_done(
    #[case] handler: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "").await;
    page.run("window.open('/?in=window')").await.unwrap();
    let place = Place {
        window: Some("/?in=window".parse().unwrap()),
        frames: Vec::new(),
    };
    let close = format!("document.querySelector('#send').{handler}");
    page.run_at(&place, &close).await.unwrap();
    page.input(SOON).at(&place).click("#send").await.unwrap();
    let gone = reason(page.input(BRIEF).at(&place).click("#send").await);
    assert_eq!(gone, "no window is open whose URL matches `/?in=window`");
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case::accepted(Some(DialogAnswer::Accept), "confirm('Sure?')", json!(true), false)]
#[case::dismissed(Some(DialogAnswer::Dismiss), "confirm('Sure?')", json!(false), false)]
#[case::with_a_text(Some(DialogAnswer::Text("Ann".to_owned())), "prompt('Name?')", json!("Ann"), false)]
#[case::without_an_answer(None, "confirm('Sure?')", json!(false), true)]
#[case::an_alert(None, "alert('Hello')", json!(null), false)]
#[tokio::test]
async fn a_dialog_is_answered_as_the_visitor_says(
    #[case] response: Option<DialogAnswer>,
    #[case] script: &str,
    #[case] expected: Value,
    #[case] needs_an_answer: bool,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "<button id=b>Go</button>").await;
    page.run(&format!("b.onclick = () => window.said = {script}"))
        .await
        .unwrap();
    page.answer_dialogs(response);
    page.input(SOON).click("#b").await.unwrap();
    assert!(page.dialog(SOON).await);
    assert_eq!(
        page.run("return window.said ?? null").await.unwrap(),
        expected
    );
    let dialogs = page.take_dialogs();
    assert_eq!(dialogs.len(), 1);
    assert_eq!(dialogs[0].needs_an_answer(), needs_an_answer);
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case(Sight::Element("#late".to_owned()))]
#[case(Sight::Text("Welcome, Ann".to_owned()))]
#[case(Sight::Url("/account*".parse().unwrap()))]
#[case(Sight::Gone("#spinner".to_owned()))]
#[tokio::test]
async fn a_page_is_watched_until_it_shows_it(
    #[case] sight: Sight,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(
        engine,
        "<p id=late hidden>Welcome, Ann</p><p id=spinner>…</p>",
    )
    .await;
    let early = page
        .input(Duration::from_millis(100))
        .wait_for(&sight)
        .await;
    assert!(
        matches!(early, Err(PageError::Obstacle { .. })),
        "{early:?}"
    );
    page.run("setTimeout(() => { late.hidden = false; spinner.remove(); history.pushState(null, '', '/account?a=1') }, 200)").await.unwrap();
    page.input(SOON).wait_for(&sight).await.unwrap();
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_page_is_idle_when_what_it_asked_for_has_come(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "").await;
    let script = "window.done = 0; const call = () => fetch('/api/send', { method: 'POST', body: 'x' }).then(() => done++);
        for (let after = 0; after < 600; after += 200) setTimeout(call, after)";
    page.run(script).await.unwrap();
    page.input(SOON).wait_for(&Sight::Idle).await.unwrap();
    assert_eq!(page.run("return done").await.unwrap(), json!(3));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_script_runs_in_the_page_that_the_step_before_leads_to(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "<a id=b href='/?next'>Next</a><form action='/'><button name=form id=s>Send</button></form>").await;
    for (selector, expected) in [("#b", "?next"), ("#s", "?form=")] {
        let body = Value::from(
            "<a id=b href='/?next'>Next</a><form action='/'><button name=form id=s>Send</button></form>",
        );
        page.run(&format!("document.body.innerHTML = {body}"))
            .await
            .unwrap();
        page.input(SOON).click(selector).await.unwrap();
        assert_eq!(
            page.run("return location.search").await.unwrap(),
            json!(expected)
        );
    }
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[case::slow("location.href = '/?slow'", "?slow")]
#[case::the_old_page_moves_meanwhile(
    "location.href = '/?slow'; setTimeout(() => location.hash = 'a', 50)",
    "?slow"
)]
#[case::replaced_by_another(
    "location.href = '/?slow'; setTimeout(() => location.href = '/?slow=b', 50)",
    "?slow=b"
)]
#[case::leads_to_nothing("location.href = '/nothing'", "")]
#[case::leads_to_nothing_in_a_page_that_still_loads(
    "document.body.innerHTML = '<img src=/never>'; setTimeout(() => location.href = '/nothing')",
    ""
)]
#[tokio::test]
async fn a_script_waits_for_the_page_that_is_on_its_way_and_for_no_other(
    #[case] leaves: &str,
    #[case] expected: &str,
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "<button id=b>Go</button>").await;
    page.run(&format!("b.onclick = () => {{ {leaves} }}"))
        .await
        .unwrap();
    page.input(SOON).click("#b").await.unwrap();
    let search = tokio::time::timeout(SOON, page.run("return location.search"));
    assert_eq!(search.await.unwrap().unwrap(), json!(expected));
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_script_whose_page_is_left_is_no_fault_of_the_browser(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "").await;
    let left = page
        .run("location.href = '/?next'; await new Promise(() => {})")
        .await;
    assert!(
        matches!(left, Err(PageError::Left { begun: true })),
        "{left:?}"
    );
    lease.give_back(page).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_page_whose_script_never_ends_is_told_and_ended(
    #[values(Chromium, Firefox)] engine: Engine,
) {
    let (lease, page) = visitor_of(engine, "<button id=b>Go</button>").await;
    page.run("setTimeout(() => { for (;;); })").await.unwrap();
    let late = reason(page.input(BRIEF).click("#b").await);
    assert_eq!(
        late,
        "the page did not respond; a script of it may run without end"
    );
    drop((lease, page));
}
