//! The frame of a page that is read and printed: one file with its style inside, without scripts and without addresses of
//! anything else; dark where the reader's system is.
//!
//! In: a title and HTML that was made with [`escape`]. Out: the page.

/// What may be in the page: its own style, and nothing that is fetched or runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1a1d21;--soft:#5b6470;--page:#fff;--line:#d5dae0;--serious:#a4161a;--warning:#8a5200;
--one:#1f5fbf;--two:#a4400a;--cell:31 95 191}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaee;--soft:#a3adb8;--page:#15181c;--line:#363d45;--serious:#ff8a8d;--warning:#f2b45c;
--one:#7fb0ff;--two:#ffb07a;--cell:127 176 255}}
body{margin:2rem auto;max-width:60rem;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:1rem}
table{border-collapse:collapse;margin:.5rem 0;font-size:.9rem}
th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:break-word}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.written{white-space:pre-wrap;overflow-wrap:anywhere;min-width:6rem}.wide{overflow-x:auto}
pre{border:1px solid var(--line);padding:.5rem;overflow-x:auto;white-space:pre-wrap}
.note,.soft{color:var(--soft)}.serious{color:var(--serious)}.warning{color:var(--warning)}
.level{font-size:.8rem;font-weight:600;text-transform:uppercase;letter-spacing:.05em}
figure{margin:1rem 0}figcaption{font-weight:600}
svg{width:100%;height:auto;max-width:44rem}
svg text{fill:var(--soft);font-size:12px}svg .grid{stroke:var(--line)}svg path{fill:none;stroke-width:2}
.one{stroke:var(--one)}.two{stroke:var(--two)}circle.one{fill:var(--one)}circle.two{fill:var(--two)}
@media(max-width:40rem){svg text{font-size:16px}}
.key{font-weight:400;color:var(--soft)}.key.one{color:var(--one)}.key.two{color:var(--two)}
@media print{:root{--ink:#000;--page:#fff;--soft:#444;--line:#bbb;--one:#1f5fbf;--two:#a4400a}
body{margin:0;max-width:none;color:#000;background:#fff}h2,h3,figcaption{break-after:avoid}tr,figure{break-inside:avoid}
th,td{overflow-wrap:anywhere}.written{min-width:0}}";

/// The page; `body` is HTML in which what comes from others is escaped.
#[must_use]
pub fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A text that becomes no element and no attribute; control characters, which no page may hold, are shown as `\u{FFFD}`.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(char),
            char if char.is_control() => escaped.push('\u{FFFD}'),
            char => escaped.push(char),
        }
    }
    escaped
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    class: &'static str,
    /// Escaped.
    html: String,
    style: String,
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self { class: "", html: escape(text), style: String::new() }
    }

    /// A text of the rows, with its lines as they are.
    pub(super) fn written(text: &str) -> Self {
        Self { class: "written", ..Self::text(text) }
    }

    pub(super) fn number(text: impl Into<String>) -> Self {
        Self { class: "number", ..Self::text(&text.into()) }
    }

    /// A number on a ground that is the darker, the larger `share` is of 1.
    pub(super) fn shaded(text: impl Into<String>, share: f64) -> Self {
        // Never so dark that the number can't be read on it.
        let style = format!("background:rgb(var(--cell) / {:.2})", share.clamp(0.0, 1.0) * 0.4);
        Self { style, ..Self::number(text) }
    }
}

/// A table; nothing where it has no rows, and without a line of heads where all of them are empty.
pub(super) fn table(heads: &[&str], rows: &[Vec<Cell>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head: String = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))).collect();
    let head = if heads.concat().is_empty() { String::new() } else { format!("<tr>{head}</tr>\n") };
    let cell = |Cell { class, html, style }: &Cell| {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let style = if style.is_empty() { String::new() } else { format!(" style=\"{style}\"") };
        format!("<td{class}{style}>{html}</td>")
    };
    let row = |cells: &Vec<Cell>| format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>());
    let rows: String = rows.iter().map(row).collect();
    format!("<div class=\"wide\"><table>\n{head}{rows}</table></div>\n")
}

/// A heading with what stands under it; nothing where nothing does.
pub(super) fn section(title: &str, content: &str) -> String {
    if content.is_empty() {
        String::new()
    } else {
        format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escape(title))
    }
}

/// A paragraph of a class; nothing of no text.
pub(super) fn paragraph(class: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<p class=\"{class}\">{}</p>\n", escape(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_no_elements() {
        let text = "<script>alert('1')</script> & \"x\"\u{0}";
        let expected = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;\u{FFFD}";
        assert_eq!(escape(text), expected);
        let made = page("<b>", &table(&["<i>"], &[vec![Cell::text("<u>")]]));
        assert!(
            made.contains("<h1>&lt;b&gt;</h1>") && made.contains("&lt;i&gt;") && made.contains("&lt;u&gt;"),
            "{made}"
        );
        assert!(made.contains("<td>&lt;u&gt;</td>"), "{made}");
    }

    #[test]
    fn what_has_no_rows_is_not_drawn() {
        assert_eq!((table(&["a"], &[]), section("a", ""), paragraph("", "")), Default::default());
        let unnamed = table(&["", ""], &[vec![Cell::text("a"), Cell::text("b")]]);
        assert!(!unnamed.contains("<th") && unnamed.contains("<td>b</td>"), "{unnamed}");
    }
}
