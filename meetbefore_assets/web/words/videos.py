"""The page of videos, and the first page of an empty archive."""

WORDS: dict[str, tuple[str, str]] = {
    "videos.title": ("Videos", "视频"),
    "videos.lead": ("{done} processed, {waiting} waiting, {failed} failed, {missing} not found.",
                    "已处理 {done} 段，等待 {waiting} 段，失败 {failed} 段，找不到 {missing} 段。"),
    "videos.failed": ("Could not be used", "无法使用"),
    "videos.missing": ("Files that are not there", "找不到的文件"),
    "videos.missing.text": ("Their faces are kept. Attach the disk to play their moments.", "人脸仍保留。连接磁盘后可播放。"),
    "videos.retry": ("Try again", "重试"),
    "videos.retry.all": ("Try all again", "全部重试"),
    "videos.where": ("Where recordings come from", "录像来源"),
    "videos.process": ("Look for new recordings", "查找新录像"),
    "start.title": ("Whom do you keep meeting?", "你总是遇见谁？"),
    "start.text": (
        "Put recordings (videos, or folders of photographs) here, or name the folder where they are:",
        "请把录像（视频或照片文件夹）放到这里，或指定它们所在的文件夹：",
    ),
    "start.or": ("or in a terminal:", "或在终端中运行："),
    "start.then": ("They stay where they are, and nothing leaves this machine. The page fills by itself.",
                   "录像留在原处，任何内容都不会离开本机。页面会自动更新。"),
    "start.running": ("Videos are being processed. People appear here by themselves.", "正在处理视频，人物会自动出现在这里。"),
    "start.nobody": ("No face was found in {videos} yet.", "在 {videos}中还没有找到人脸。"),
}  # fmt: skip
