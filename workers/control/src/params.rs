use medley_proto::ErrorCode;
use medley_step::StepError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The maps; each becomes `<name>.png`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnnotatorName {
    /// Edges by Canny's method, as OpenCV finds them.
    Canny,
    /// Everyone's body and face in OpenPose's drawing, and `pose.json`.
    Pose,
    /// Soft edges (holistically nested edge detection).
    Hed,
    /// Soft edges for softedge ControlNets; `softedge_safe` takes their fine print away.
    Softedge,
    /// Broad strokes, as if drawn by hand.
    Scribble,
    /// Fine lines.
    Lineart,
    /// Straight lines.
    Mlsd,
    /// Surface normals, from depth.
    Normal,
    /// Classes of objects, in ADE20K's colours.
    Segmentation,
    /// Inverse depth, near is bright, and `depth16.png`.
    Depth,
    /// The lines of each face.
    FaceMesh,
    /// The boxes of things, and `detect.json` in COCO's format.
    Detect,
}

impl AnnotatorName {
    pub const ALL: [Self; 12] = [
        Self::Canny,
        Self::Pose,
        Self::Hed,
        Self::Softedge,
        Self::Scribble,
        Self::Lineart,
        Self::Mlsd,
        Self::Normal,
        Self::Segmentation,
        Self::Depth,
        Self::FaceMesh,
        Self::Detect,
    ];

    /// The name in params and file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canny => "canny",
            Self::Pose => "pose",
            Self::Hed => "hed",
            Self::Softedge => "softedge",
            Self::Scribble => "scribble",
            Self::Lineart => "lineart",
            Self::Mlsd => "mlsd",
            Self::Normal => "normal",
            Self::Segmentation => "segmentation",
            Self::Depth => "depth",
            Self::FaceMesh => "face_mesh",
            Self::Detect => "detect",
        }
    }
}

/// Where scribbles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScribbleMethod {
    /// Soft edges thinned to their ridges and drawn broad.
    #[default]
    Hed,
    /// Extended difference of Gaussians; needs no network.
    Xdog,
}

/// Where depth comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DepthSource {
    /// The stereo pair if it is one, else the best network that is installed, else the people.
    #[default]
    Auto,
    /// The network depth-anything-v2-small.
    DepthAnything,
    /// The network midas-v2.1-small.
    Midas,
    /// Relative depth of people from their landmarks and outline; everything else is far. Needs no network of its own.
    People,
}

/// Which channel of a normal map holds which axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormalOrder {
    /// Red is x, green y, blue z: ControlNet's published maps and the example of the model sd-controlnet-normal.
    #[default]
    Xyz,
    /// Red is z, green y, blue x: what controlnet_aux returns.
    Zyx,
}

/// Whether a picture is two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stereo {
    #[default]
    None,
    /// The left half is the left eye's picture, the right half the right eye's, rectified. All maps are of the left.
    SideBySide,
}

/// Which network finds body landmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoseNetwork {
    Lite,
    Full,
    #[default]
    Heavy,
}

/// The parameters of a `control` job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ControlParams {
    /// The maps to make.
    pub annotators: Vec<AnnotatorName>,
    /// Short side in px that the picture is brought to before anything is found in it; both sides are rounded to
    /// multiples of 64.
    #[schemars(range(min = 64, max = 2048))]
    pub detect_resolution: u32,
    /// Short side in px of the maps, rounded likewise; 0 gives them exactly the picture's own size.
    #[schemars(range(max = 4096))]
    pub image_resolution: u32,
    /// canny: gradients below this are no edge.
    pub canny_low: f64,
    /// canny: gradients above this are an edge.
    pub canny_high: f64,
    /// canny: take both thresholds from the picture's median brightness instead.
    pub canny_auto: bool,
    /// pose: draw the 70 face points of people whose face is seen.
    pub pose_face: bool,
    /// pose: points less visible than this (0 to 1) are left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pose_min_visibility: f32,
    /// pose: people less sure than this (0 to 1) are left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pose_min_score: f32,
    /// pose, segmentation, depth: the network that finds body landmarks.
    pub pose_network: PoseNetwork,
    /// softedge: round edges to three levels, so that no detail of the picture hides in them.
    pub softedge_safe: bool,
    /// scribble: where strokes come from.
    pub scribble_method: ScribbleMethod,
    /// scribble by xdog: how dark a line must be, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub xdog_threshold: u8,
    /// lineart: sigma in px of the blur that lines are compared with.
    pub lineart_sigma: f64,
    /// lineart: how strong a line must be to count for the normal strength.
    pub lineart_threshold: f32,
    /// mlsd by network: how sure a line must be, 0 to 1.
    pub mlsd_score: f32,
    /// mlsd: how long a line must be, in px of the working size.
    pub mlsd_min_length_px: f32,
    /// detect: things less sure than this (0 to 1) are left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub detect_min_score: f32,
    /// depth, normal: where depth comes from.
    pub depth_source: DepthSource,
    /// depth, normal: whether the picture is a stereo pair.
    pub stereo: Stereo,
    /// normal: depths (0 to 1) below this are background and face the camera.
    pub normal_background: f32,
    /// normal: how flat surfaces are: the z of the normal before it is brought to length 1.
    pub normal_flatness: f32,
    /// normal: which channel holds which axis.
    pub normal_order: NormalOrder,
}

impl Default for ControlParams {
    fn default() -> Self {
        Self {
            annotators: vec![AnnotatorName::Canny],
            detect_resolution: 512,
            image_resolution: 512,
            canny_low: 100.0,
            canny_high: 200.0,
            canny_auto: false,
            pose_face: true,
            pose_min_visibility: 0.4,
            pose_min_score: 0.2,
            pose_network: PoseNetwork::Heavy,
            softedge_safe: true,
            scribble_method: ScribbleMethod::Hed,
            xdog_threshold: 32,
            lineart_sigma: 6.0,
            lineart_threshold: 8.0,
            mlsd_score: 0.1,
            mlsd_min_length_px: 20.0,
            detect_min_score: 0.35,
            depth_source: DepthSource::Auto,
            stereo: Stereo::None,
            normal_background: 0.1,
            normal_flatness: std::f32::consts::TAU,
            normal_order: NormalOrder::Xyz,
        }
    }
}

impl ControlParams {
    /// # Errors
    /// `params_invalid`, naming the parameter.
    pub fn check(&self) -> Result<(), StepError> {
        let refuse = |what: &str| Err(StepError::permanent(ErrorCode::PARAMS_INVALID, what));
        if self.annotators.is_empty() {
            return refuse("annotators is empty: name at least one, like `--annotators canny,pose`");
        }
        if !(64..=2048).contains(&self.detect_resolution) {
            return refuse("detect_resolution must be 64 to 2048");
        }
        if self.image_resolution != 0 && !(64..=4096).contains(&self.image_resolution) {
            return refuse("image_resolution must be 64 to 4096, or 0 for the picture's own size");
        }
        if !(self.canny_low >= 0.0 && self.canny_high >= self.canny_low) {
            return refuse("canny_low must be 0 or more and canny_high not below it");
        }
        if !(self.lineart_sigma > 0.0 && self.lineart_sigma <= 100.0) {
            return refuse("lineart_sigma must be above 0 and at most 100");
        }
        if !(1..=64).contains(&self.xdog_threshold) {
            return refuse("xdog_threshold must be 1 to 64");
        }
        let shares = [
            self.pose_min_visibility,
            self.pose_min_score,
            self.mlsd_score,
            self.detect_min_score,
            self.normal_background,
        ];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return refuse(
                "pose_min_visibility, pose_min_score, mlsd_score, detect_min_score and normal_background must be 0 to 1",
            );
        }
        if !(self.normal_flatness > 0.0 && self.mlsd_min_length_px >= 0.0 && self.lineart_threshold >= 0.0) {
            return refuse("normal_flatness must be above 0, mlsd_min_length_px and lineart_threshold not below");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_schema() {
        for name in AnnotatorName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
    }

    #[test]
    fn what_no_step_could_use_is_refused() {
        let wrong = [
            r#"{"annotators":[]}"#,
            r#"{"detect_resolution":32}"#,
            r#"{"image_resolution":10}"#,
            r#"{"canny_low":200,"canny_high":100}"#,
            r#"{"lineart_sigma":0}"#,
            r#"{"pose_min_score":2}"#,
            r#"{"xdog_threshold":0}"#,
        ];
        for params in wrong {
            let params: ControlParams = serde_json::from_str(params).unwrap();
            assert_eq!(params.check().unwrap_err().code(), ErrorCode::PARAMS_INVALID);
        }
        ControlParams::default().check().unwrap();
    }
}
