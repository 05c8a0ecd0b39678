//! The person's camera: asked for on a press of theirs, and off again as soon as nobody holds it.

use js_sys::{Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement, MediaStream, MediaStreamConstraints,
    MediaStreamTrack,
};

use super::{PickedFile, describe, document, window};

/// Name of a picture that was taken.
const PICTURE_NAME: &str = "camera.png";

/// A camera that is on; dropping it switches it off.
#[derive(Debug)]
pub(crate) struct Camera(MediaStream);

impl Camera {
    /// Asks the person for the camera, and switches it on.
    ///
    /// # Errors
    /// When there is none or it is not allowed, in words.
    pub(crate) async fn open() -> Result<Self, String> {
        let constraints = MediaStreamConstraints::new();
        constraints.set_video(&JsValue::TRUE);
        let open = async {
            let devices = window().navigator().media_devices()?;
            JsFuture::from(devices.get_user_media_with_constraints(&constraints)?).await
        };
        let stream = open.await.map_err(|error| refusal(&error))?;
        Ok(Self(stream.unchecked_into()))
    }

    /// Shows what it sees.
    pub(crate) fn show_in(&self, video: &HtmlVideoElement) {
        video.set_src_object(Some(&self.0));
    }

    /// What it sees now, as `video` shows it.
    ///
    /// # Errors
    /// When it has not seen anything yet, or the browser makes no picture of it.
    pub(crate) async fn take_picture(video: &HtmlVideoElement) -> Result<PickedFile, String> {
        let failed = |error: JsValue| format!("the camera's picture can't be read: {}", describe(&error));
        if video.video_width() == 0 {
            return Err("the camera shows nothing yet: wait for its picture".into());
        }
        let canvas: HtmlCanvasElement = document().create_element("canvas").map_err(failed)?.unchecked_into();
        canvas.set_width(video.video_width());
        canvas.set_height(video.video_height());
        let context = canvas.get_context("2d").map_err(failed)?.ok_or("the browser draws no pictures")?;
        let context: CanvasRenderingContext2d = context.unchecked_into();
        context.draw_image_with_html_video_element(video, 0.0, 0.0).map_err(failed)?;
        let drawn = Promise::new(&mut |resolve, reject| {
            if let Err(error) = canvas.to_blob(&resolve) {
                drop(reject.call1(&JsValue::NULL, &error));
            }
        });
        let blob = JsFuture::from(drawn).await.map_err(failed)?;
        let blob: Blob = blob.dyn_into().map_err(failed)?;
        Ok(PickedFile::from_blob(PICTURE_NAME, blob))
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        for track in self.0.get_tracks().iter() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
    }
}

/// Why there is no camera, in words.
fn refusal(error: &JsValue) -> String {
    let name = Reflect::get(error, &"name".into()).ok().and_then(|name| name.as_string()).unwrap_or_default();
    reason(&name).map_or_else(|| format!("this page can't use a camera here: {}", describe(error)), str::to_owned)
}

/// The same of an error's name, where that says it.
fn reason(name: &str) -> Option<&'static str> {
    match name {
        "NotAllowedError" | "SecurityError" => Some("the camera was not allowed"),
        "NotFoundError" | "OverconstrainedError" => Some("there is no camera"),
        "NotReadableError" | "AbortError" => Some("the camera does not answer: another program may use it"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn a_camera_that_is_refused_or_missing_is_said_so() {
        assert_eq!(reason("NotAllowedError"), Some("the camera was not allowed"));
        assert_eq!([reason("NotFoundError"), reason("OverconstrainedError")], [Some("there is no camera"); 2]);
        assert_eq!(reason("TypeError"), None, "a page without a secure connection has no cameras");
    }
}
