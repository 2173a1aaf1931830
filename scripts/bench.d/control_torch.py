"""controlnet_aux's network for one map, on torch with random weights (theirs are in no package registry): what one image
costs in seconds and the process in memory. Prints one line of JSON."""
import importlib.util, json, resource, statistics, sys, time, types

import cv2
import numpy as np
import torch

torch.set_num_threads(2)
# Only the parts asked for: the package's own __init__ loads all of them, and with them many packages more.
package = types.ModuleType("controlnet_aux")
package.__path__ = list(importlib.util.find_spec("controlnet_aux").submodule_search_locations)
sys.modules["controlnet_aux"] = package
name, photo = sys.argv[1:]
rgb = cv2.cvtColor(cv2.imread(photo), cv2.COLOR_BGR2RGB)
if name == "canny":
    from controlnet_aux.canny import CannyDetector

    detect = CannyDetector()
elif name == "hed":
    from controlnet_aux.hed import ControlNetHED_Apache2, HEDdetector

    detect = HEDdetector(ControlNetHED_Apache2().float().eval())
else:
    # The body network alone, on the size that OpenPose sees, without the grouping of its peaks.
    path = f"{package.__path__[0]}/open_pose/model.py"
    spec = importlib.util.spec_from_file_location("model", path)
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    network = model.bodypose_model().eval()
    detect = lambda image: network(torch.from_numpy(cv2.resize(image, (368, 368)).astype(np.float32) / 256 - 0.5).permute(2, 0, 1)[None])
times = []
with torch.no_grad():
    for _ in range(3):
        start = time.time()
        detect(cv2.cvtColor(cv2.imread(photo), cv2.COLOR_BGR2RGB))
        times.append(time.time() - start)
print(json.dumps({"seconds": statistics.median(times), "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
