"""Delivery reports as mail servers write them, about a message of ours; written here after their manner."""

MESSAGE_ID = "<mail_k3j9x0w2q8v5n1b7c4d6@racord.example>"
DEAD = "retea-medicala@partner.example"
NO = "550 5.1.1 <retea-medicala@partner.example>: Recipient address rejected: User unknown"


def postfix(
    message_id: str = MESSAGE_ID, address: str = DEAD, *, action: str = "failed", status: str = "5.1.1"
) -> bytes:
    """With the headers of the original alone."""
    return f"""Return-Path: <>
Received: by mail.racord.example (Postfix) id 4F2C21A0B5; Mon,  2 Mar 2026 11:00:02 +0200 (EET)
Date: Mon,  2 Mar 2026 11:00:02 +0200 (EET)
From: MAILER-DAEMON@mail.racord.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: racord@racord.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9C1B21A0AE.1772442002/mail.racord.example"
Message-Id: <20260302090002.4F2C21A0B5@mail.racord.example>

This is a MIME-encapsulated message.

--9C1B21A0AE.1772442002/mail.racord.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--9C1B21A0AE.1772442002/mail.racord.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.racord.example
X-Postfix-Queue-ID: 9C1B21A0AE
X-Postfix-Sender: rfc822; racord@racord.example
Arrival-Date: Mon,  2 Mar 2026 11:00:01 +0200 (EET)

Final-Recipient: rfc822; {address}
Original-Recipient: rfc822;{address}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.partner.example
Diagnostic-Code: smtp; 550 5.1.1 <{address}>: Recipient address
    rejected: User unknown

--9C1B21A0AE.1772442002/mail.racord.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <racord@racord.example>
From: "Clinica Armonia"
 <contact@armonia.example>
Subject: Configurare
Message-ID: {message_id}
Auto-Submitted: auto-generated

--9C1B21A0AE.1772442002/mail.racord.example--
""".encode()


def exim(message_id: str = MESSAGE_ID, address: str = DEAD) -> bytes:
    """With the whole original, and no enhanced code of its own in the answer."""
    return f"""Return-path: <>
From: Mail Delivery System <Mailer-Daemon@relay.example>
To: racord@racord.example
X-Failed-Recipients: {address}
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=1772442002-eximdsn-804289383
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1wAbCd-0001Ab-CD@relay.example>

--1772442002-eximdsn-804289383
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

--1772442002-eximdsn-804289383
Content-type: message/delivery-status

Reporting-MTA: dns; relay.example

Action: failed
Final-Recipient: rfc822;{address}
Status: 5.0.0
Remote-MTA: dns; mx.partner.example
Diagnostic-Code: smtp; 550 No such user here

--1772442002-eximdsn-804289383
Content-type: message/rfc822

Return-path: <racord@racord.example>
Message-ID: {message_id}
Subject: Configurare
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_mail_k3j9"

--=_mail_k3j9
Content-Type: text/plain; charset="utf-8"

Confirm, please.
--=_mail_k3j9--

--1772442002-eximdsn-804289383--
""".encode()


def exchange(message_id: str = MESSAGE_ID, address: str = DEAD) -> bytes:
    """Office 365: the recipient with its rank, long diagnostics, the original's id in the thread too."""
    return f"""From: <postmaster@partner.onmicrosoft.example>
To: <racord@racord.example>
Date: Mon, 2 Mar 2026 09:00:04 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="a1b2c3d4-5e6f-7081-92a3-b4c5d6e7f809"
Content-Language: en-GB
Message-ID: <0f1e2d3c@AM0PR01MB0001.eurprd01.prod.exchangelabs.example>
In-Reply-To: {message_id}
References: {message_id}
Subject: Undeliverable: Configurare
Auto-Submitted: auto-replied

--a1b2c3d4-5e6f-7081-92a3-b4c5d6e7f809
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="b2c3d4e5-6f70-8192-a3b4-c5d6e7f8091a"

--b2c3d4e5-6f70-8192-a3b4-c5d6e7f8091a
Content-Type: text/plain; charset="us-ascii"

Your message couldn't be delivered.

--b2c3d4e5-6f70-8192-a3b4-c5d6e7f8091a--

--a1b2c3d4-5e6f-7081-92a3-b4c5d6e7f809
Content-Type: message/delivery-status

Reporting-MTA: dns;AM0PR01MB0001.eurprd01.prod.exchangelabs.example
Received-From-MTA: dns;mail.racord.example
Arrival-Date: Mon, 2 Mar 2026 09:00:03 +0000

Final-Recipient: rfc822;{address}
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {address} not found by SMTP address lookup

--a1b2c3d4-5e6f-7081-92a3-b4c5d6e7f809
Content-Type: message/rfc822

Received: from mail.racord.example by AM0PR01MB0001
Message-ID: {message_id}
Subject: Configurare
MIME-Version: 1.0
Content-Type: text/plain

Confirm, please.
--a1b2c3d4-5e6f-7081-92a3-b4c5d6e7f809--
""".encode()


def gmail(message_id: str = MESSAGE_ID, address: str = DEAD) -> bytes:
    """A picture beside the text, several lines of diagnostics."""
    return f"""MIME-Version: 1.0
Return-Path: <>
Content-Type: multipart/report; boundary="000000000000d1b0a905f9c0aaaa"; report-type=delivery-status
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
To: racord@racord.example
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: {message_id}
In-Reply-To: {message_id}
Message-ID: <69a5.1c69fb81.dsn@mx.google.example>
Date: Mon, 02 Mar 2026 01:00:03 -0800 (PST)

--000000000000d1b0a905f9c0aaaa
Content-Type: multipart/related; boundary="000000000000d1b0b905f9c0bbbb"

--000000000000d1b0b905f9c0bbbb
Content-Type: text/html; charset="UTF-8"

<p>Address not found</p>

--000000000000d1b0b905f9c0bbbb--

--000000000000d1b0a905f9c0aaaa
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example
Received-From-MTA: dns; racord@racord.example
Arrival-Date: Mon, 02 Mar 2026 01:00:02 -0800 (PST)
X-Original-Message-ID: {message_id}

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.example. (203.0.113.7, the server for the domain.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
 550-5.1.1 double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces.
Last-Attempt-Date: Mon, 02 Mar 2026 01:00:03 -0800 (PST)

--000000000000d1b0a905f9c0aaaa
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: Configurare

--000000000000d1b0a905f9c0aaaa--
""".encode()


def read_receipt(message_id: str = MESSAGE_ID) -> bytes:
    """RFC 8098: somebody read it."""
    return f"""From: {DEAD}
To: racord@racord.example
Subject: Read: Configurare
Message-ID: <receipt@partner.example>
In-Reply-To: {message_id}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="mdn"

--mdn
Content-Type: text/plain

Your message was displayed.

--mdn
Content-Type: message/disposition-notification

Final-Recipient: rfc822;{DEAD}
Original-Message-ID: {message_id}
Disposition: manual-action/MDN-sent-manually; displayed

--mdn--
""".encode()


def auto_reply(message_id: str = MESSAGE_ID) -> bytes:
    """Somebody is on holiday, and quotes a delivery report at that."""
    return (
        f"""From: {DEAD}
To: racord@racord.example
Subject: Out of office
In-Reply-To: {message_id}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="out"

--out
Content-Type: text/plain

I am back on Monday. 550 5.1.1 User unknown

--out
Content-Type: message/rfc822

""".encode()
        + postfix(message_id)
        + b"\n--out--\n"
    )
