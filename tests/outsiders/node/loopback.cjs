// Servers of tests listen on the loopback interface only. One that names a port and no host would
// listen on all of them: this is loaded before it, by `node --require`.
const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  if (typeof rest[0] === "string") throw new Error(`it chose the host ${rest[0]} itself`);
  return listen.call(this, port, "127.0.0.1", ...rest);
};
