"""Sigma's fields of Linux, network and cloud logs → the fields of the Elastic Common Schema where Beats puts them.

Such events have no Windows channel. Their own field names are searched too, because other shippers keep them.

Sources: Sigma taxonomy appendix 2.1, ECS 8.17, the documentation of Auditbeat's and Filebeat's exported fields.
"""

from __future__ import annotations

from collections.abc import Mapping

Paths = Mapping[str, tuple[str, ...]]


def _paths_by_field(**paths: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(listed.split()) for name, listed in paths.items()}


FIELD_SETS = frozenset(
    (
        "agent as client cloud container data_stream destination device dll dns ecs email error event faas file geo "
        "group hash host http input interface labels log message network observer orchestrator organization os package "
        "process registry related rule server service source span tags threat tls trace transaction url user "
        "user_agent vlan volume vulnerability"
    ).split()
)
"""The first names of ECS paths."""

_HOST: Paths = _paths_by_field(  # process_creation, file_event, network_connection of Linux and macOS
    Image="process.executable",
    CommandLine="process.command_line process.title",
    CurrentDirectory="process.working_directory",
    ProcessId="process.pid",
    ProcessGuid="process.entity_id",
    ParentImage="process.parent.executable",
    ParentCommandLine="process.parent.command_line",
    ParentProcessId="process.parent.pid",
    ParentProcessGuid="process.parent.entity_id",
    User="user.name",
    LogonId="process.group_leader.entity_id",
    md5="process.hash.md5 file.hash.md5",
    sha1="process.hash.sha1 file.hash.sha1",
    sha256="process.hash.sha256 file.hash.sha256",
    TargetFilename="file.path",
    SourceFilename="file.Ext.original.path",
    Protocol="network.transport",
    SourceIp="source.ip source.address",
    SourcePort="source.port",
    SourceHostname="source.domain",
    DestinationIp="destination.ip destination.address",
    DestinationPort="destination.port",
    DestinationHostname="destination.domain",
    Computer="host.name host.hostname",
    Hostname="host.name host.hostname",
)
_AUDITD: Paths = _paths_by_field(
    type="event.action auditd.message_type auditd.log.record_type",
    exe="process.executable",
    comm="process.name",
    proctitle="process.title",
    cwd="process.working_directory",
    syscall="auditd.data.syscall auditd.log.syscall",
    SYSCALL="auditd.data.syscall auditd.log.syscall",
    key="tags auditd.log.key",
    name="file.path auditd.log.name",
    nametype="auditd.data.nametype auditd.log.nametype",
    uid="user.id",
    auid="user.audit.id auditd.log.auid",
    pid="process.pid",
    ppid="process.parent.pid",
    unit="auditd.data.unit auditd.log.unit",
    **{f"a{number}": f"auditd.data.a{number} auditd.log.a{number}" for number in range(10)},
)
_DNS: Paths = _paths_by_field(
    query="dns.question.name",
    QueryName="dns.question.name",
    record_type="dns.question.type",
    answer="dns.answers.data dns.resolved_ip",
    QueryResults="dns.answers.data dns.resolved_ip",
    QueryStatus="dns.response_code",
)
_WEB: Paths = {  # proxy and webserver
    name: tuple(paths.split())
    for name, paths in {
        "c-ip": "source.ip client.ip",
        "c-uri": "url.original url.full",
        "c-uri-extension": "url.extension",
        "c-uri-query": "url.query",
        "c-uri-stem": "url.path",
        "c-useragent": "user_agent.original",
        "cs-bytes": "source.bytes http.request.bytes",
        "cs-host": "url.domain destination.domain",
        "cs-method": "http.request.method",
        "cs-mime-type": "http.response.mime_type",
        "cs-referer": "http.request.referrer",
        "cs-referrer": "http.request.referrer",
        "cs-uri": "url.original url.full",
        "cs-uri-extension": "url.extension",
        "cs-uri-query": "url.query",
        "cs-uri-stem": "url.path",
        "cs-user-agent": "user_agent.original",
        "cs-username": "user.name",
        "cs-version": "http.version",
        "r-dns": "url.domain destination.domain",
        "s-ip": "destination.ip server.ip",
        "s-port": "destination.port server.port",
        "sc-bytes": "destination.bytes http.response.bytes http.response.body.bytes",
        "sc-status": "http.response.status_code",
        "src_ip": "source.ip",
        "dst_ip": "destination.ip",
        "src_port": "source.port",
        "dst_port": "destination.port",
        "src_bytes": "source.bytes",
        "dst_bytes": "destination.bytes",
        "username": "user.name",
        "action": "event.action",
        "protocol": "network.transport network.protocol",
    }.items()
}
_ZEEK: Paths = {
    "id.orig_h": ("source.ip",),
    "id.orig_p": ("source.port",),
    "id.resp_h": ("destination.ip",),
    "id.resp_p": ("destination.port",),
    "user_agent": ("user_agent.original",),
    "uri": ("url.original",),
    "host": ("url.domain",),
    "method": ("http.request.method",),
    "status_code": ("http.response.status_code",),
}
_CLOUD: Paths = {  # CloudTrail, GCP audit, Azure, Okta, Microsoft 365
    "eventName": ("event.action",),
    "eventSource": ("event.provider",),
    "eventType": ("event.type", "aws.cloudtrail.event_type"),
    "errorCode": ("aws.cloudtrail.error_code",),
    "errorMessage": ("aws.cloudtrail.error_message",),
    "sourceIPAddress": ("source.address", "source.ip"),
    "userAgent": ("user_agent.original",),
    "awsRegion": ("cloud.region",),
    "userIdentity.type": ("aws.cloudtrail.user_identity.type",),
    "userIdentity.arn": ("aws.cloudtrail.user_identity.arn",),
    "userIdentity.userName": ("user.name",),
    "userIdentity.accountId": ("cloud.account.id",),
    "userIdentity.sessionContext.sessionIssuer.type": (
        "aws.cloudtrail.user_identity.session_context.session_issuer.type",
    ),
    "requestParameters": ("aws.cloudtrail.request_parameters",),
    "responseElements": ("aws.cloudtrail.response_elements",),
    "additionalEventdata.MFAUsed": ("aws.cloudtrail.console_login.additional_eventdata.mfa_used",),
    "gcp.audit.method_name": ("event.action",),
    "operationName": ("azure.activitylogs.operation_name", "azure.auditlogs.operation_name", "event.action"),
    "ResultType": ("azure.signinlogs.result_type",),
    "ResultDescription": ("azure.signinlogs.result_description",),
    "Status": ("azure.signinlogs.properties.status.error_code", "event.outcome"),
    "properties.message": ("azure.auditlogs.operation_name", "azure.activitylogs.operation_name"),
    "eventtype": ("event.action", "okta.event_type"),
    "displaymessage": ("okta.display_message",),
    "displayMessage": ("okta.display_message",),
    "outcome.result": ("okta.outcome.result",),
    "outcome.reason": ("okta.outcome.reason",),
    "actor.alternateid": ("okta.actor.alternate_id",),
    "Operation": ("event.action", "o365.audit.Operation"),
    "Workload": ("event.provider", "o365.audit.Workload"),
    "eventService": ("o365.audit.Workload",),
}

_TABLES: tuple[tuple[tuple[str, ...], Paths], ...] = (
    (("linux", "macos", "process_creation", "file_event", "network_connection", "file_delete"), _HOST),
    (("auditd",), _AUDITD),
    (("dns", "dns_query"), _DNS),
    (("proxy", "webserver", "firewall", "apache", "nginx", "iis"), _WEB),
    (("zeek",), _ZEEK),
    (("aws", "gcp", "azure", "okta", "m365", "cloudtrail"), _CLOUD),
)
LISTED_LOGSOURCES = frozenset(name for names, _ in _TABLES for name in names)
"""Products, categories and services whose fields a table lists."""


def _merged() -> Paths:
    merged: dict[str, tuple[str, ...]] = {}
    for _, table in _TABLES:
        for name, paths in table.items():
            merged[name] = tuple(dict.fromkeys((*merged.get(name, ()), *paths)))
    return merged


FIELDS: Paths = _merged()
"""Field → the paths where an event of another product may hold it."""
