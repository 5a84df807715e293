"""Tells one player over RTSP (RFC 2326) where a stream of L16 comes from; the stream itself is sent by somebody else.

ffmpeg reports on a stream only when it knows its sender from RTSP. The arguments: our address, the port, and the sender's
address, whose RTP comes from port 5004 and whose RTCP goes to 5005.
"""

import socket
import sys

address, port, source = sys.argv[1:]
DESCRIPTION = (
    f"v=0\r\no=- 1 1 IN IP4 {source}\r\ns=x\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    "m=audio 0 RTP/AVP 10\r\na=rtpmap:10 L16/44100/2\r\na=control:sound\r\n"
)

listener = socket.create_server((address, int(port)))
print("listening", flush=True)
player, _ = listener.accept()
lines = player.makefile("r", newline="\r\n", encoding="utf-8")

while request := lines.readline().split():
    fields = {}
    while (line := lines.readline().strip()) != "":
        name, value = line.split(":", 1)
        fields[name.lower()] = value.strip()
    answer, body = [f"CSeq: {fields['cseq']}"], ""
    match request[0]:
        case "OPTIONS":
            answer.append("Public: DESCRIBE, SETUP, PLAY, TEARDOWN")
        case "DESCRIBE":
            body = DESCRIPTION
            answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        case "SETUP":
            answer += ["Session: 1", f"Transport: {fields['transport']};server_port=5004-5005;source={source}"]
        case _:
            answer.append("Session: 1")
    player.sendall("\r\n".join(["RTSP/1.0 200 OK", *answer, "", body]).encode())
    if request[0] == "PLAY":
        print("playing", flush=True)
