//! The few things the page asks of the browser: files, downloads, addresses, storage; in files of their own what is dropped
//! (`dropped`), blobs as addresses (`object_url`), the camera (`camera`), the whole screen (`full_screen`), how much is kept
//! (`storage`), the way to a model hub (`hub`), and what reaches a person who looks elsewhere (`away`). Each is a thin call; what can
//! fail says so in words.

mod away;
mod camera;
mod dropped;
mod full_screen;
mod hub;
mod object_url;
mod storage;

use std::hash::{DefaultHasher, Hash, Hasher};

use gloo::timers::callback::Timeout;
use js_sys::{Array, ArrayBuffer, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, Document, Event, File, FileList, HtmlAnchorElement, HtmlElement, Response, Url, Window,
};

pub(crate) use away::{ScreenLock, can_keep_screen_on, has_notices, is_hidden, may_show_notices, show_notice};
pub(crate) use camera::Camera;
pub(crate) use dropped::DroppedItems;
pub(crate) use full_screen::{fill_screen, fills_screen, leave_screen};
pub(crate) use hub::{WayToHub, origin_of};
pub(crate) use object_url::ObjectUrl;
pub(crate) use storage::{StorageRoom, storage_room};

/// A file that the person chose, dropped or pasted. The browser reads it only when it is asked to.
#[derive(Debug, Clone)]
pub(crate) struct PickedFile {
    /// Name as the person knows it.
    pub name: String,
    /// Its content, unread.
    pub blob: Blob,
    /// When it was last changed, or made of bytes, in milliseconds since 1970; of a text a hash; 0 of a file of this site.
    stamp: u64,
}

/// What tells a file from others while nobody has read it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileIdentity {
    pub name: String,
    pub size_bytes: f64,
    pub stamp: u64,
}

impl PickedFile {
    /// A file made of text.
    pub(crate) fn from_text(name: &str, text: &str) -> Option<Self> {
        let parts = Array::of1(&JsValue::from_str(text));
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Some(Self { name: name.into(), blob: Blob::new_with_str_sequence(&parts).ok()?, stamp: hasher.finish() })
    }

    /// A file made of bytes.
    pub(crate) fn from_bytes(name: &str, bytes: &ArrayBuffer) -> Option<Self> {
        let blob = Blob::new_with_buffer_source_sequence(&Array::of1(bytes)).ok()?;
        Some(Self::from_blob(name, blob))
    }

    /// A file of what the page was just given.
    fn from_blob(name: &str, blob: Blob) -> Self {
        Self { name: name.into(), blob, stamp: now_ms() as u64 }
    }

    /// A file of the machine; one of a folder that was chosen is named by its path.
    fn from_file(file: File) -> Self {
        let path = Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        let name = path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name());
        Self { name, stamp: file.last_modified() as u64, blob: file.into() }
    }

    /// The same file under another name.
    pub(crate) fn named(&self, name: String) -> Self {
        Self { name, ..self.clone() }
    }

    /// The same file, known as the one that was chosen before.
    pub(crate) fn known_as(&self, chosen: &Self) -> Self {
        Self { stamp: chosen.stamp, ..self.clone() }
    }

    /// What tells it from others.
    pub(crate) fn identity(&self) -> FileIdentity {
        FileIdentity { name: self.name.clone(), size_bytes: self.size_bytes(), stamp: self.stamp }
    }

    /// Size in bytes.
    pub(crate) fn size_bytes(&self) -> f64 {
        self.blob.size()
    }

    /// The content, as a buffer that can be handed to the worker.
    ///
    /// # Errors
    /// When the browser can't read the file any more.
    pub(crate) async fn read(&self) -> Result<ArrayBuffer, String> {
        self.read_blob(&self.blob).await
    }

    /// The first bytes of the content, or all of a smaller one.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn read_beginning(&self, num_bytes: usize) -> Result<ArrayBuffer, String> {
        match self.blob.slice_with_f64_and_f64(0.0, num_bytes as f64) {
            Ok(beginning) => self.read_blob(&beginning).await,
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// The last bytes of the content, or all of a smaller one.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn read_end(&self, num_bytes: usize) -> Result<ArrayBuffer, String> {
        let size = self.size_bytes();
        match self.blob.slice_with_f64_and_f64((size - num_bytes as f64).max(0.0), size) {
            Ok(end) => self.read_blob(&end).await,
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    async fn read_blob(&self, blob: &Blob) -> Result<ArrayBuffer, String> {
        let buffer = JsFuture::from(blob.array_buffer()).await;
        buffer.map(JsCast::unchecked_into).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &JsValue) -> String {
        format!("{} can't be read: {}", self.name, describe(error))
    }
}

/// The files of an input or of a drop.
pub(crate) fn picked_files(list: Option<FileList>) -> Vec<PickedFile> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|index| list.get(index)).map(PickedFile::from_file).collect()
}

/// What a JavaScript error says.
pub(crate) fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}

pub(crate) fn window() -> Window {
    web_sys::window().expect("the page runs in a window")
}

pub(crate) fn document() -> Document {
    window().document().expect("a window has a document")
}

/// Takes an element out of the page, if it is there.
pub(crate) fn remove_element(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        element.remove();
    }
}

/// Moves the keyboard focus, for readers who do not see the page change.
pub(crate) fn focus_element(id: &str) {
    if let Some(element) = document().get_element_by_id(id).and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // An element that can't take focus is left alone.
        let _ = element.focus();
    }
}

/// Id of the heading of every step.
pub(crate) const PAGE_TITLE_ID: &str = "page-title";

/// Gives the focus to an element; where that is not there, to the heading of the page.
fn focus_element_or_heading(id: &str) {
    focus_element(id);
    if is_focus_lost() {
        focus_element(PAGE_TITLE_ID);
    }
}

/// Gives the focus to the element `else_on`, or else to the heading of the page, if the one inside `within` that has it now is about to be
/// removed.
pub(crate) fn keep_focus(within: &str, else_on: &'static str) {
    let Some(element) = document().get_element_by_id(within) else { return };
    if let Some(focused) = document().active_element().filter(|focused| element.contains(Some(focused))) {
        after(0, move || {
            if !focused.is_connected() {
                focus_element_or_heading(else_on);
            }
        });
    }
}

/// Returns a call that gives the focus back to the control that has it now, or to the one built in its place, if nothing
/// has it by then. Controls are told apart by their test ids.
pub(crate) fn focus_keeper() -> impl FnOnce() {
    let id = focused_control();
    move || after(0, move || focus_control_if_lost(id.as_deref()))
}

/// The test id of the control that has the focus.
pub(crate) fn focused_control() -> Option<String> {
    document().active_element().and_then(|focused| focused.get_attribute("data-testid"))
}

/// Gives the focus back to a control that had it before something asked, which is about to be removed; where it can't take the focus,
/// to the heading of the page.
pub(crate) fn give_focus_back(control: Option<String>) {
    after(0, move || {
        focus_control_if_lost(control.as_deref());
        if is_focus_lost() {
            focus_element(PAGE_TITLE_ID);
        }
    });
}

fn focus_control_if_lost(id: Option<&str>) {
    let Some(id) = id.filter(|_| is_focus_lost()) else { return };
    let found = document().query_selector(&format!("[data-testid=\"{id}\"]")).ok().flatten();
    if let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // An element that can't take focus is left alone.
        let _ = element.focus();
    }
}

/// As [`focus_keeper`]; where the control was inside `within` and none is built in its place, the element `else_on` gets the focus, or
/// else the heading of the page.
pub(crate) fn focus_keeper_within(within: &'static str, else_on: &'static str) -> impl FnOnce() {
    let element = document().get_element_by_id(within);
    let focused = document().active_element();
    let is_within = element.zip(focused).is_some_and(|(element, focused)| element.contains(Some(&focused)));
    let refocus = focus_keeper();
    move || {
        refocus();
        if is_within {
            after(0, move || {
                if is_focus_lost() {
                    focus_element_or_heading(else_on);
                }
            });
        }
    }
}

fn is_focus_lost() -> bool {
    document().active_element().is_none_or(|focused| focused.tag_name() == "BODY")
}

/// Scrolls the row that an element stands in until it is in the middle; sideways only, the page stays where it is.
pub(crate) fn scroll_sideways_to(selector: &str) {
    let found = document().query_selector(selector).ok().flatten();
    let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) else { return };
    if let Some(row) = element.offset_parent() {
        row.set_scroll_left(element.offset_left() - (row.client_width() - element.offset_width()) / 2);
    }
}

/// How many pixels an element's content is scrolled by, and how many of them are in view.
pub(crate) fn scrolled(id: &str) -> Option<(f64, f64)> {
    let element = document().get_element_by_id(id)?;
    Some((f64::from(element.scroll_top()), f64::from(element.client_height())))
}

/// Scrolls the content of an element to so many pixels from its top.
pub(crate) fn scroll_to(id: &str, top: i32) {
    if let Some(element) = document().get_element_by_id(id) {
        element.set_scroll_top(top);
    }
}

/// Asks the browser to keep this site's files when the disk runs full; returns whether it promises to.
pub(crate) async fn keeps_files() -> bool {
    // Pages without a secure context have no storage: the call throws, which is an answer too.
    let Ok(promise) = window().navigator().storage().persist() else { return false };
    JsFuture::from(promise).await.is_ok_and(|promised| promised.is_truthy())
}

/// The absolute address of a file of this site.
pub(crate) fn absolute_url(relative: &str) -> String {
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    Url::new_with_base(relative, &base).map_or_else(|_| relative.to_string(), |url| url.href())
}

/// A file of this site, in whole.
///
/// # Errors
/// When it can't be fetched; the message names the address.
pub(crate) async fn fetch_own_file(relative: &str, name: &str) -> Result<PickedFile, String> {
    let url = absolute_url(relative);
    let failed = |error: JsValue| format!("{} could not be fetched: {}", url, describe(&error));
    let response = JsFuture::from(window().fetch_with_str(&url)).await.map_err(failed)?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(format!("{url} could not be fetched: status {}", response.status()));
    }
    let blob = JsFuture::from(response.blob().map_err(failed)?).await.map_err(failed)?;
    Ok(PickedFile { name: name.into(), blob: blob.unchecked_into(), stamp: 0 })
}

/// A script as an address that a worker can be started from.
pub(crate) fn script_url(script: &str) -> Result<String, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type("text/javascript");
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&script.into()), &options)?;
    Url::create_object_url_with_blob(&blob)
}

/// Saves `content` (text, a buffer, or an array of buffers that follow each other) as a file of the person's.
///
/// # Errors
/// When the browser refuses, e.g. for want of memory.
pub(crate) fn save_file(name: &str, content: &JsValue, media_type: &str) -> Result<(), String> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let parts = content.dyn_ref::<Array>().cloned().unwrap_or_else(|| Array::of1(content));
    let save = || -> Result<String, JsValue> {
        let blob = match content.is_string() {
            true => Blob::new_with_str_sequence_and_options(&parts, &options)?,
            false => Blob::new_with_buffer_source_sequence_and_options(&parts, &options)?,
        };
        let url = Url::create_object_url_with_blob(&blob)?;
        let anchor: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
        anchor.set_href(&url);
        anchor.set_download(name);
        anchor.click();
        Ok(url)
    };
    let url = save().map_err(|error| format!("{name} could not be saved: {}", describe(&error)))?;
    // The download reads the blob after the click: it is given time before the memory goes back.
    Timeout::new(60_000, move || drop(Url::revoke_object_url(&url))).forget();
    Ok(())
}

/// Value of a parameter of the page's address.
pub(crate) fn query_parameter(name: &str) -> Option<String> {
    let search = window().location().search().ok()?;
    let raw = query_value(&search, name)?.replace('+', " ");
    js_sys::decode_uri_component(&raw).ok().map(String::from)
}

/// The raw value of `name` in `?a=b&c=d`; empty values count as missing.
fn query_value<'a>(search: &'a str, name: &str) -> Option<&'a str> {
    let pairs = search.trim_start_matches('?').split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, value)| *key == name && !value.is_empty()).map(|(_, v)| v)
}

/// The fragment of the page's address with its `#`; empty where there is none.
pub(crate) fn fragment() -> String {
    window().location().hash().unwrap_or_default()
}

/// Changes the fragment of the page's address. The rest of it stays, and the browser's way back leads to the one before.
pub(crate) fn set_fragment(id: &str) {
    // A browser that is asked too often refuses: the address stays behind, the page does not.
    let _ = window().location().set_hash(id);
}

/// An attribute of the page's root element.
pub(crate) fn root_attribute(name: &str) -> Option<String> {
    document().document_element()?.get_attribute(name)
}

/// Tells the scripts beside this wasm by an event of that name.
pub(crate) fn tell_window(event: &str) {
    let event = Event::new(event).expect("a name is all that an event needs");
    // It answers whether the event was cancelled, which ours can't be.
    let _ = window().dispatch_event(&event);
}

/// Names the tab.
pub(crate) fn set_title(title: &str) {
    document().set_title(title);
}

/// A remembered setting; `None` also where the browser keeps nothing.
pub(crate) fn remembered(key: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// Remembers a setting, where the browser allows it.
pub(crate) fn remember(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        // Without storage the setting lasts until the page is closed.
        let _ = storage.set_item(key, value);
    }
}

/// Forgets a setting.
pub(crate) fn forget(key: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.remove_item(key);
    }
}

/// A text that is kept for this tab alone, also when it is loaded again; `None` also where the browser keeps nothing.
pub(crate) fn kept_for_tab(key: &str) -> Option<String> {
    window().session_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// Keeps a text for this tab alone, where the browser allows it and has room; else none, also not the one before.
pub(crate) fn keep_for_tab(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().session_storage()
        && storage.set_item(key, value).is_err()
    {
        let _ = storage.remove_item(key);
    }
}

/// Light, dark, or (empty) as the system says.
pub(crate) fn set_theme(theme: &str) {
    if let Some(root) = document().document_element() {
        let outcome = if theme.is_empty() {
            root.remove_attribute("data-theme")
        } else {
            root.set_attribute("data-theme", theme)
        };
        outcome.expect("data-theme is a valid attribute name");
    }
}

/// Milliseconds since 1970, for throttling.
pub(crate) fn now_ms() -> f64 {
    js_sys::Date::now()
}

/// Calls `then` after `ms` milliseconds.
pub(crate) fn after(ms: u32, then: impl FnOnce() + 'static) {
    Timeout::new(ms, then).forget();
}

#[cfg(test)]
mod tests {
    use super::query_value;

    #[test]
    fn parameters_are_found_by_their_whole_name() {
        let search = "?backend=cpu&hub=http%3A%2F%2Flocalhost%3A9&empty=";
        assert_eq!(query_value(search, "backend"), Some("cpu"));
        assert_eq!(query_value(search, "hub"), Some("http%3A%2F%2Flocalhost%3A9"));
        assert_eq!(query_value(search, "back"), None);
        assert_eq!(query_value(search, "empty"), None);
        assert_eq!(query_value("", "hub"), None);
    }
}
