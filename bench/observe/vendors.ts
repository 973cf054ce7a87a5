/** A program of somebody else, as `prove:observe` observes it in a Debian root. Scripts are of /bin/sh. */
export interface Vendor {
  readonly name: string;
  /** The unit that Debian brings, for its exposure. */
  readonly unit: string;
  readonly command: string;
  readonly configuration: string;
  /** The configuration's text, with more lines at the end of it where it says so. */
  readonly text: (more?: string) => string;
  /** Whom the profile begins as; `null`: as the film, root. */
  readonly user: string | null;
  readonly setUp: string;
  /** What the clients do, and print. */
  readonly requests: string;
  readonly isReady: string;
  readonly deviations: readonly Deviation[];
}

/** Something that the program has been made to do that no film shows: by another configuration, as if it had been taken over. */
export interface Deviation {
  readonly does: string;
  readonly text: string;
  /** Succeeds where the program got away with it. */
  readonly worked: string;
}

const nginxText = (user: string, server: string, http = ""): string =>
  `${user}worker_processes 1; daemon off; pid /run/nginx.pid; error_log /var/log/nginx/error.log;
events {}
http { access_log /var/log/nginx/access.log; ${http}
server { listen 80; root /srv/www; autoindex on; ${server} } }
`;

function nginx(name: string, user: string | null): Vendor {
  const line = user === null ? "user www-data; " : "";
  const deviations: readonly Deviation[] = [
    {
      does: user === null ? "reads /etc/shadow" : "reads a file elsewhere",
      // As root, for whoever takes over the first process is root.
      text: nginxText(
        user === null ? "user root; " : "",
        `location = /d { alias ${user === null ? "/etc/shadow" : "/opt/elsewhere/file"}; }`,
      ),
      worked: "curl -fs --max-time 3 http://127.0.0.1/d | grep -q root:",
    },
    {
      does: "connects out",
      text: nginxText(line, "location = /d { proxy_pass http://127.0.0.1:9999/; }"),
      worked: "curl -fs --max-time 3 http://127.0.0.1/d | grep -q outside",
    },
    {
      does: "writes elsewhere",
      text: nginxText(line, "", "access_log /opt/elsewhere/in/log;"),
      worked: "curl -fs --max-time 3 http://127.0.0.1/ >/dev/null; sleep 0.3; test -e /opt/elsewhere/in/log",
    },
    {
      does: "listens on another port",
      text: nginxText(line, "listen 8081;"),
      worked: "curl -fs --max-time 3 http://127.0.0.1:8081/ >/dev/null",
    },
    {
      does: "answers a stranger",
      text: nginxText(line, ""),
      worked: "curl -fs --max-time 3 --interface 127.0.0.2 http://127.0.0.1/ | grep -q hello",
    },
  ];
  return {
    name,
    unit: "nginx.service",
    command: "/usr/sbin/nginx",
    configuration: "/etc/nginx/nginx.conf",
    text: (more = "") => nginxText(line, more),
    user,
    setUp: `
      mkdir -p /srv/www/sub; echo hello >/srv/www/index.html; echo below >/srv/www/sub/b.txt; head -c 300000 /dev/urandom >/srv/www/large
      rm -f /var/log/nginx/*.log; touch /var/log/nginx/access.log /var/log/nginx/error.log; chown www-data:adm /var/log/nginx/*.log`,
    isReady: "curl -fs --max-time 1 -o /dev/null http://127.0.0.1/",
    requests: `
      curl -fsS --max-time 5 http://127.0.0.1/; curl -fsS --max-time 5 http://127.0.0.1/sub/b.txt; curl -fsS --max-time 5 http://127.0.0.1/large | sha256sum
      curl -sS --max-time 5 -o /dev/null -w '%{http_code}\\n' http://127.0.0.1/none; curl -fsS --max-time 5 http://127.0.0.1/sub/ | grep -c b.txt
      many=; for i in 1 2 3 4 5 6 7 8; do curl -fsS --max-time 5 -r 0-99 http://127.0.0.1/large | wc -c & many="$many $!"; done; wait $many`,
    deviations,
  };
}

const vsftpdText = (more = ""): string => `listen=YES
listen_ipv6=NO
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=NO
anon_root=/srv/ftp
no_anon_password=YES
port_enable=NO
pasv_min_port=40000
pasv_max_port=40009
xferlog_enable=YES
xferlog_file=/var/log/vsftpd.log
secure_chroot_dir=/run/vsftpd/empty
${more}`;

const vsftpd: Vendor = {
  name: "vsftpd",
  unit: "vsftpd.service",
  command: "/usr/sbin/vsftpd /etc/vsftpd.conf",
  configuration: "/etc/vsftpd.conf",
  text: vsftpdText,
  user: null,
  setUp: `
    mkdir -p /srv/ftp/pub /srv/ftp/in /run/vsftpd/empty; echo there >/srv/ftp/hello; head -c 300000 /dev/urandom >/srv/ftp/pub/large
    chmod -R a-w,a+rX /srv/ftp; chown ftp /srv/ftp/in; chmod 755 /srv/ftp/in; touch /var/log/vsftpd.log`,
  isReady: "curl -fs --max-time 1 -o /dev/null ftp://127.0.0.1/hello",
  requests: `
    curl -fsS --max-time 5 ftp://127.0.0.1/hello; curl -fsS --max-time 5 ftp://127.0.0.1/pub/large | sha256sum; curl -fsS --max-time 5 -l ftp://127.0.0.1/pub/
    curl -sS --max-time 5 ftp://127.0.0.1/none >/dev/null 2>&1; echo $?; curl -sS --max-time 5 -T /etc/hostname ftp://127.0.0.1/in/x >/dev/null 2>&1; echo $?
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do curl -fsS --max-time 5 ftp://127.0.0.1/hello; done`,
  deviations: [
    {
      does: "reads /etc/shadow",
      text: vsftpdText("anon_root=/etc\nrun_as_launching_user=YES\nanon_world_readable_only=NO\n"),
      worked: "curl -fs --max-time 3 ftp://127.0.0.1/shadow | grep -q root:",
    },
    {
      does: "connects out",
      text: vsftpdText("port_enable=YES\npasv_enable=NO\nconnect_from_port_20=NO\n"),
      worked: "curl -fs --max-time 3 --ftp-port - ftp://127.0.0.1/hello | grep -q there",
    },
    {
      does: "writes elsewhere",
      text: vsftpdText("write_enable=YES\nanon_upload_enable=YES\nanon_umask=022\n"),
      worked: "curl -fs --max-time 3 -T /etc/hostname ftp://127.0.0.1/in/planted; test -e /srv/ftp/in/planted",
    },
    {
      does: "listens on another port",
      text: vsftpdText("listen_port=2121\n"),
      worked: "curl -fs --max-time 3 ftp://127.0.0.1:2121/hello | grep -q there",
    },
    {
      does: "answers a stranger",
      text: vsftpdText(),
      worked: "curl -fs --max-time 3 --interface 127.0.0.2 ftp://127.0.0.1/hello | grep -q there",
    },
  ],
};

export const VENDORS: readonly Vendor[] = [
  nginx("nginx as root", null),
  nginx("nginx as www-data", "www-data"),
  vsftpd,
];

/** Of all: what deviations reach for. Port 80 is low: who is no user with that right is given it by the profile alone. */
export const WORLD = `
  mkdir -p /opt/elsewhere/in; echo root: >/opt/elsewhere/file; chmod 777 /opt/elsewhere/in
  printf 'pid /run/outside.pid; events {} http { access_log off; server { listen 127.0.0.1:9999; return 200 outside; } }' >/root/outside.conf
  nginx -c /root/outside.conf >/dev/null 2>&1`;

/** What is planted is gone again. */
export const CLEAN = "rm -rf /opt/elsewhere/in/* /srv/ftp/in/planted";
