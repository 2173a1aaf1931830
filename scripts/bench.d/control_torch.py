"""controlnet_aux's network for one map, on torch with random weights (theirs are in no package registry): what one image
costs in seconds and the process in memory. Prints one line of JSON."""
import json, resource, statistics, sys, time

import cv2
import numpy as np
import torch

torch.set_num_threads(2)
name, photo = sys.argv[1:]
rgb = cv2.cvtColor(cv2.imread(photo), cv2.COLOR_BGR2RGB)
if name == "canny":
    from controlnet_aux import CannyDetector

    detect = CannyDetector()
elif name == "hed":
    from controlnet_aux.hed import ControlNetHED_Apache2, HEDdetector

    detect = HEDdetector(ControlNetHED_Apache2().float().eval())
else:
    from controlnet_aux.open_pose.model import bodypose_model

    network = bodypose_model().eval()
    detect = lambda image: network(torch.from_numpy(cv2.resize(image, (368, 368)).astype(np.float32) / 256 - 0.5).permute(2, 0, 1)[None])
times = []
with torch.no_grad():
    for _ in range(3):
        start = time.time()
        detect(rgb)
        times.append(time.time() - start)
print(json.dumps({"seconds": statistics.median(times), "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
