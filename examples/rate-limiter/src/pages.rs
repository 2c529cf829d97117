//! The pages: HTML and one style sheet, no scripts. Everything from outside is escaped.

use crate::Limit;
use crate::session::Session;

pub(crate) const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #1c2430; --soft: #667085; --line: #d9dee6; --paper: #ffffff; --ground: #f4f6f9; --accent: #1f6f54; --bad: #a4262c }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --soft: #98a2b3; --line: #344054; --paper: #1b212c; --ground: #12161d; --accent: #4fb58f; --bad: #f0898d } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { width: min(92vw, 34rem); padding: 2rem; background: var(--paper); border: 1px solid var(--line); border-radius: 12px }
main.narrow { width: min(92vw, 22rem) }
h1 { margin: 0 0 .25rem; font-size: 1.35rem }
p { margin: 0 0 1.25rem; color: var(--soft) }
p.bad { color: var(--bad) }
label { display: block; margin: 0 0 .9rem; font-size: .9rem; color: var(--soft) }
input { width: 100%; margin-top: .25rem; padding: .55rem .7rem; border: 1px solid var(--line); border-radius: 8px; background: var(--ground); color: var(--ink); font: inherit }
button { padding: .55rem 1rem; border: 0; border-radius: 8px; background: var(--accent); color: var(--paper); font: inherit; cursor: pointer }
button.quiet { background: none; color: var(--soft); padding: 0; text-decoration: underline }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
table { width: 100%; border-collapse: collapse; margin-bottom: 1.5rem }
th, td { padding: .6rem 0; border-bottom: 1px solid var(--line); text-align: left; font-weight: inherit }
th { font-weight: 600 }
td:last-child { text-align: right; font-variant-numeric: tabular-nums }
td form { display: inline-flex; gap: .5rem; align-items: center; justify-content: flex-end }
td input { width: 7rem; margin: 0; text-align: right }
footer { display: flex; justify-content: space-between; gap: 1rem; color: var(--soft); font-size: .9rem }
";

/// The login page. What went wrong before stands above the form.
pub(crate) fn login(csrf: &str, wrong: Option<&str>) -> String {
    let notice = match wrong {
        Some(text) => format!("<p class=\"bad\" role=\"alert\">{}</p>", escape(text)),
        None => "<p>Log in with your name and password of the domain.</p>".to_owned(),
    };
    page(
        "Log in",
        "narrow",
        &format!(
            "<h1>Rate limits</h1>{notice}<form method=\"post\" action=\"/login\">\
             <input type=\"hidden\" name=\"csrf\" value=\"{}\">\
             <label>User name<input name=\"username\" autocomplete=\"username\" required autofocus></label>\
             <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
             <button>Log in</button></form>",
            escape(csrf)
        ),
    )
}

/// The limits, with a form at each for those who may change them.
pub(crate) fn limits(session: &Session, limits: &[Limit], may_change: bool, admin_group: &str) -> String {
    let csrf = escape(&session.csrf);
    let row = |limit: &Limit| {
        let (name, n) = (escape(&limit.name), limit.per_minute);
        let value = if may_change {
            format!(
                "<form method=\"post\" action=\"/limits\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
                 <input type=\"hidden\" name=\"name\" value=\"{name}\">\
                 <input name=\"per_minute\" type=\"number\" min=\"1\" max=\"1000000\" value=\"{n}\" aria-label=\"Requests a minute for {name}\">\
                 <button>Set</button></form>"
            )
        } else {
            n.to_string()
        };
        format!("<tr><td>{name}</td><td>{value}</td></tr>")
    };
    let rows: String = limits.iter().map(row).collect();
    let note = match may_change {
        true => format!("You are in {}, so you may change them.", escape(admin_group)),
        false => format!("Only members of {} may change them.", escape(admin_group)),
    };
    page(
        "Rate limits",
        "wide",
        &format!(
            "<h1>Rate limits</h1><p>What one customer may send to the public endpoints. {note}</p>\
             <table><tr><th>Endpoint</th><td>Requests a minute</td></tr>{rows}</table>\
             <footer><span>Logged in as {}</span><form method=\"post\" action=\"/logout\">\
             <input type=\"hidden\" name=\"csrf\" value=\"{csrf}\"><button class=\"quiet\">Log out</button></form></footer>",
            escape(&session.user.display_name)
        ),
    )
}

/// What went wrong, and the way back.
pub(crate) fn refusal(text: &str) -> String {
    page(
        "Rate limits",
        "narrow",
        &format!("<h1>Rate limits</h1><p class=\"bad\" role=\"alert\">{}</p><a href=\"/\">Back</a>", escape(text)),
    )
}

fn page(title: &str, class: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main class=\"{class}\">{body}</main></body></html>"
    )
}

/// Makes a text from outside safe between tags and in quoted attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_stays_text() {
        let page = login("\"><script>", Some("<b>&'"));
        assert!(!page.contains("<script>") && !page.contains("<b>"));
        assert!(page.contains("&quot;&gt;&lt;script&gt;") && page.contains("&lt;b&gt;&amp;&#39;"));
    }
}
