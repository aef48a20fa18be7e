"""The page of reports."""

WORDS: dict[str, tuple[str, str]] = {
    "report.link": ("A page to keep or pass on", "生成可保存或分享的页面"),
    "report.title": ("A page to keep or pass on", "可保存或分享的页面"),
    "report.lead": (
        "One file with the people you keep meeting. It opens in every browser, without this app and without a network.",
        "把您反复遇见的人放进一个文件。任何浏览器都能打开，不需要本应用，也不需要网络。",
    ),
    "report.whole": ("For yourself", "给自己"),
    "report.whole.text": ("Everybody with clear faces, and commands to put people right.", "所有人的清晰人脸，以及更正人物的命令。"),
    "report.blurred": ("To pass on", "用于分享"),
    "report.blurred.text": (
        "Everybody is blurred but you and your companions. Names and times are still on it, so think before you pass it on.",
        "除您和同伴外，所有人都已打码。姓名和时间仍在其中，分享前请三思。",
    ),
    "report.make": ("Make it", "生成"),
    "report.again": ("Make it again", "重新生成"),
    "report.open": ("Open", "打开"),
    "report.download": ("Download", "下载"),
    "report.written": ("Written {when}, {mb} MB", "写于 {when}，{mb} MB"),
}  # fmt: skip
