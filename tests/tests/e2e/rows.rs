//! The rows one by one: a table of twenty thousand of them is scrolled, searched, filtered and edited; edits are undone and redone, rows
//! are moved to another split, and the cleaned file is what was edited. What stands out in other rows is shown, and mended.

use std::time::Instant;

use hone_tests::browser::WebGpu;
use hone_tests::rows;
use serde_json::json;

use crate::site::{READ_SECS, Site};

const ROWS: usize = 20_000;

/// Longest time between two frames while rows are scrolled, in milliseconds: drawn by software on a busy machine.
const LONGEST_FRAME_MS: f64 = 250.0;

fn table() -> String {
    let row = |index: usize| {
        let (text, label) = rows::row(index);
        format!("\"{text}, number {index}.\",{label}\r\n")
    };
    String::from("text,label\r\n") + &(0..ROWS).map(row).collect::<String>()
}

/// Presses a key on the table, which must have the focus.
fn press(site: &Site, key: &str, with_shift: bool) {
    let script = "const grid = document.getElementById('rows-grid'); grid.focus(); \
        grid.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], shiftKey: arguments[1], bubbles: true, cancelable: true }))";
    let _ = site.browser.script(script, vec![json!(key), json!(with_shift)]);
}

/// Waits until so many rows match.
fn wait_for_total(site: &Site, total: usize) {
    let script = "return document.querySelector('[data-testid=rows-total]')?.dataset.value === arguments[0]";
    site.browser.wait_until(&format!("{total} rows match"), READ_SECS, script, vec![json!(total.to_string())]);
}

/// Waits until a row of the file is drawn, and returns what its cells say.
fn wait_for_row(site: &Site, row: usize) -> String {
    let script =
        "return document.querySelector(`[data-testid=rows-row][data-row='${arguments[0]}']`)?.textContent || false";
    let text = site.browser.wait_until(&format!("row {row} is drawn"), READ_SECS, script, vec![json!(row)]);
    text.as_str().unwrap_or_default().to_owned()
}

/// Waits until an element says something.
pub(crate) fn wait_for_text(site: &Site, id: &str, text: &str) {
    let script = "return document.querySelector(`[data-testid=${arguments[0]}]`)?.textContent.includes(arguments[1])";
    site.browser.wait_until(&format!("{id} says {text:?}"), READ_SECS, script, vec![json!(id), json!(text)]);
}

/// Waits until the report on the rows counts so many.
fn wait_for_report(site: &Site, rows: usize) {
    let script = "return document.querySelector('[data-testid=count-rows]')?.dataset.value === arguments[0]";
    site.browser.wait_until(&format!("{rows} rows are reported"), READ_SECS, script, vec![json!(rows.to_string())]);
}

/// Presses a button once it can be: rows are read again after each edit.
pub(crate) fn click_when_ready(site: &Site, id: &str) {
    let script = "const button = document.querySelector(`[data-testid=${arguments[0]}]`); \
        return !!button && !button.disabled && !button.hasAttribute('aria-disabled')";
    site.browser.wait_until(&format!("{id} can be pressed"), READ_SECS, script, vec![json!(id)]);
    site.browser.click(id);
}

/// Shows all rows again, from the first on.
fn take_filters_away(site: &Site, total: usize) {
    let _ = site.browser.script("document.querySelectorAll('.filter-chip').forEach(chip => chip.click())", Vec::new());
    wait_for_total(site, total);
    let _ = wait_for_row(site, 2);
}

/// Waits until the rows were looked through and a finding about so many is there; with 0 until there is none.
fn wait_for_finding(site: &Site, kind: &str, rows: usize) {
    let script = "const all = document.querySelector('[data-testid=findings]'); \
        const one = all?.querySelector(`[data-testid=finding][data-kind=${arguments[0]}]`); \
        return all?.dataset.current === 'true' && (one?.dataset.value ?? '0') === arguments[1]";
    let arguments = vec![json!(kind), json!(rows.to_string())];
    site.browser.wait_until(&format!("{rows} rows are found as {kind}"), READ_SECS, script, arguments);
}

/// Presses a button of a finding once it can be.
fn press_finding(site: &Site, id: &str) {
    let script = "const button = document.querySelector(`[data-testid=${arguments[0]}] button`); \
        if (!button || button.hasAttribute('aria-disabled')) return false; button.click(); return true";
    site.browser.wait_until(&format!("{id} can be pressed"), READ_SECS, script, vec![json!(id)]);
}

/// Test rows of which two stand among the training rows, three are one text under two labels, and one has a mail address.
fn check_findings(site: &Site) {
    const LEAKS: &str = "leaks-between-splits";
    let browser = &site.browser;
    let line = |index: usize| {
        let (text, label) = rows::row(index);
        format!("\"{text}, number {index}.\",{label}\n")
    };
    let train: String = (0..40).map(line).collect();
    let [first, second] = [rows::row(0).1, rows::row(1).1];
    assert_ne!(first, second);
    let test = format!(
        "text,label\n{}{}nobody agrees on this,{first}\nnobody agrees on this,{first}\nnobody agrees on this,{second}\n\
         please answer anna.meier@example.com soon,{first}\n",
        line(0),
        line(1)
    );
    site.choose_rows(&site.file("faulty.csv", format!("text,label\n{train}")));
    wait_for_report(site, 40);
    browser.choose_files("test-file", &[site.file("test.csv", test)]);
    wait_for_report(site, 46);
    wait_for_finding(site, LEAKS, 2);
    wait_for_finding(site, "same-text-different-labels", 3);
    wait_for_finding(site, "personal-data", 1);
    let said = browser.text("findings");
    assert!(said.contains("2 rows are left out.") && said.contains("1 row gets another label."), "{said}");
    assert!(!said.contains("anna.meier@example.com"), "{said}");
    assert!(!browser.text("data-report").contains("also in the training rows"), "what a finding says is said once");

    // Both rows of each leak are shown; the test rows go, and come back.
    press_finding(site, &format!("show-{LEAKS}"));
    wait_for_total(site, 4);
    press_finding(site, &format!("mend-{LEAKS}"));
    wait_for_total(site, 2);
    wait_for_report(site, 44);
    wait_for_finding(site, LEAKS, 0);
    click_when_ready(site, "rows-undo");
    wait_for_total(site, 4);
    wait_for_finding(site, LEAKS, 2);

    // The mail address is read as what it is, and as it stands again.
    press_finding(site, "mend-personal-data");
    wait_for_finding(site, "personal-data", 0);
    assert!(browser.text("data-notes").contains("1 row is read with personal data replaced"));
    click_when_ready(site, "undo-cleaning");
    wait_for_finding(site, "personal-data", 1);
    let focused = browser.script("return document.activeElement?.id", Vec::new());
    assert_eq!(focused, "findings-title", "the button went with what it undid");
    merge_a_label(site);
}

/// The rows of a label are read as those of another one, which has them all then, until that is taken back.
fn merge_a_label(site: &Site) {
    let browser = &site.browser;
    let classes = |words: &str| {
        let script = "return document.querySelector('[data-testid=data-report]')?.textContent.includes(arguments[0])";
        browser.wait_until(&format!("there are {words}"), READ_SECS, script, vec![json!(words)]);
    };
    let [from, to] = [rows::LABELS[0], rows::LABELS[1]];
    take_filters_away(site, 46);
    browser.select("rows-label", from);
    wait_for_total(site, 18);
    browser.type_into("rows-new-name", to);
    click_when_ready(site, "rows-rename");
    wait_for_total(site, 18 + 15);
    classes("2 classes");
    assert!(browser.text("rows-note").contains("drawn"), "{}", browser.text("rows-note"));
    click_when_ready(site, "rows-undo");
    wait_for_total(site, 15);
    classes("3 classes");
}

#[test]
fn twenty_thousand_rows_are_looked_through_edited_and_taken_home() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let browser = &site.browser;
    site.choose_rows(&site.file("tickets.csv", table()));
    browser.wait_for("data-report", READ_SECS);
    browser.click("open-rows");
    wait_for_total(&site, ROWS);
    let begun = Instant::now();
    wait_for_finding(&site, "leaks-between-splits", 0);
    eprintln!("20,000 rows are looked through in {:.1} s", begun.elapsed().as_secs_f64());
    let first = wait_for_row(&site, 2);
    assert!(first.contains("number 0.") && first.contains("kitchen"), "{first}");

    // Scrolled by script from frame to frame, then by wheel, then by key.
    let script = "const done = arguments[arguments.length - 1], grid = document.getElementById('rows-grid'); \
        let last = performance.now(), longest = 0, left = 90; \
        const frame = now => { longest = Math.max(longest, now - last); last = now; grid.scrollTop += 1500; \
            if (left-- > 0) requestAnimationFrame(frame); else done(longest); }; \
        requestAnimationFrame(now => { last = now; requestAnimationFrame(frame); })";
    let longest = browser.script_async(script, Vec::new()).as_f64().expect("a time");
    eprintln!("longest frame while 20,000 rows are scrolled: {longest:.0} ms");
    assert!(longest < LONGEST_FRAME_MS, "{longest} ms");
    let script = "const grid = document.getElementById('rows-grid'); grid.scrollIntoView({ block: 'center' }); \
        const box = grid.getBoundingClientRect(); \
        return [box.left + box.width / 2, box.top + box.height / 2, grid.scrollTop]";
    let place = browser.script(script, Vec::new());
    let turn = json!({ "type": "mouseWheel", "x": place[0], "y": place[1], "deltaX": 0, "deltaY": -1200 });
    let _ = browser.devtools("Input.dispatchMouseEvent", turn);
    let script = "return document.getElementById('rows-grid').scrollTop < arguments[0]";
    browser.wait_until("the wheel scrolls the rows", READ_SECS, script, vec![place[2].clone()]);
    press(&site, "End", false);
    let last = wait_for_row(&site, ROWS + 1);
    assert!(last.contains(&format!("number {}.", ROWS - 1)), "{last}");

    // A row is found and gets a label of its own, by which it is filtered.
    browser.type_into("rows-search", "NUMBER 12345.");
    wait_for_total(&site, 1);
    let _ = wait_for_row(&site, 12_347);
    press(&site, "Home", false);
    press(&site, "Enter", false);
    browser.wait_for("row-editor", READ_SECS);
    browser.type_into("row-cell-1", "special");
    browser.click("row-save");
    wait_for_text(&site, "rows-log", "is now \u{201c}special\u{201d}");
    let edited = wait_for_row(&site, 12_347);
    assert!(edited.contains("special"), "{edited}");
    take_filters_away(&site, ROWS);
    browser.select("rows-label", "special");
    wait_for_total(&site, 1);
    take_filters_away(&site, ROWS);

    // Two rows are dropped, are back, and are gone again.
    press(&site, "Home", false);
    press(&site, "ArrowDown", true);
    wait_for_text(&site, "rows-chosen", "2 rows chosen");
    press(&site, "Delete", false);
    wait_for_total(&site, ROWS - 2);
    wait_for_report(&site, ROWS - 2);
    click_when_ready(&site, "rows-undo");
    wait_for_total(&site, ROWS);
    wait_for_report(&site, ROWS);
    click_when_ready(&site, "rows-redo");
    wait_for_total(&site, ROWS - 2);

    // The first row that is left goes to the test rows, and the report follows.
    let _ = wait_for_row(&site, 4);
    press(&site, "Home", false);
    browser.select("rows-split", "test");
    click_when_ready(&site, "rows-move");
    wait_for_text(&site, "rows-log", "Row 4 moved to test");
    let moved = "return document.querySelector(\"[data-testid=rows-row][data-row='4']\")?.textContent.includes('test')";
    browser.wait_until("row 4 is a test row", READ_SECS, moved, Vec::new());
    wait_for_report(&site, ROWS - 2);

    // The file comes back with what was edited and nothing else.
    click_when_ready(&site, "save-cleaned");
    let saved = std::fs::read_to_string(browser.wait_for_download("tickets-cleaned.csv", READ_SECS)).expect("a text");
    let expected: String = table()
        .split_inclusive('\n')
        .enumerate()
        .filter(|(line, _)| ![1, 2].contains(line))
        .map(|(line, text)| match line {
            12_346 => {
                let (words, _) = text.rsplit_once(',').expect("two fields");
                format!("{words},special\r\n")
            }
            _ => text.to_owned(),
        })
        .collect();
    assert!(saved == expected, "{} bytes instead of {}", saved.len(), expected.len());
    wait_for_text(&site, "rows-note", "19,998 rows");

    check_findings(&site);
    site.check_requests();
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
