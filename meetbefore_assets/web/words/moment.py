"""The page of a moment."""

WORDS: dict[str, tuple[str, str]] = {
    "moment.title": ("{person}, {when}", "{person}，{when}"),
    "moment.video": ("The seconds around this face", "此人脸前后的几秒"),
    "moment.strip": ("Frame by frame", "逐帧"),
    "moment.frame": ("{offset} in the video", "视频中 {offset}"),
    "moment.cannot": (
        "This browser cannot play the file ({codec}). The frames below are from the original.",
        "此浏览器无法播放该文件（{codec}）。下方各帧取自原始文件。",
    ),
    "moment.converted": (
        "This browser cannot play the file ({codec}). These seconds are converted for it, without sound; that may take a while.",
        "此浏览器无法播放该文件（{codec}）。这几秒正在转换为可播放的格式（无声音），可能需要片刻。",
    ),
    "moment.gone": ("The file is not there: {file}. Its faces are kept.", "找不到文件：{file}。人脸仍保留。"),
    "moment.gone.how": ("Attach its disk, or run with the folder it was moved to.", "请连接所在磁盘，或用文件移动后的文件夹重新运行。"),
    "moment.play": ("Play or pause", "播放或暂停"),
    "moment.before": ("Previous face", "上一张"),
    "moment.next": ("Next face", "下一张"),
    "moment.who": ("In these seconds", "这几秒内的人"),
    "moment.gone.face": ("This face is not there any more", "此人脸已不存在"),
}  # fmt: skip
