import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.link.lwm2m.attributes.DefaultLwM2mAttributeParser;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttributeSet;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mObject;
import org.eclipse.leshan.core.node.LwM2mObjectInstance;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mResourceInstance;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.CancelObservationRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.CreateRequest;
import org.eclipse.leshan.core.request.DeleteRequest;
import org.eclipse.leshan.core.request.DiscoverRequest;
import org.eclipse.leshan.core.request.DownlinkDeviceManagementRequest;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.request.ObserveRequest;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.request.WriteAttributesRequest;
import org.eclipse.leshan.core.request.WriteRequest;
import org.eclipse.leshan.core.response.DiscoverResponse;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.ObserveCompositeResponse;
import org.eclipse.leshan.core.response.ObserveResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.util.Hex;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.model.VersionedModelProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.queue.PresenceListener;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.servers.security.InMemorySecurityStore;
import org.eclipse.leshan.servers.security.SecurityInfo;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coaps.CoapsServerProtocolProvider;

/**
 * A Leshan server as a child process: one JSON object a line, commands on standard input, answers and events on
 * standard output. Arguments: CoAP port, CoAPs port, folder with object models.
 */
public class Harness {
  private static final ObjectMapper JSON = new ObjectMapper();
  private final InMemorySecurityStore keys = new InMemorySecurityStore();
  private final LeshanServer server;

  Harness(int plainPort, int securePort, File models) {
    List<ObjectModel> known = new ArrayList<>(ObjectLoader.loadAllDefault());
    known.addAll(ObjectLoader.loadObjectsFromDir(models, true));
    CaliforniumServerEndpointsProvider.Builder endpoints =
        new CaliforniumServerEndpointsProvider.Builder(
            new CoapServerProtocolProvider(), new CoapsServerProtocolProvider());
    Configuration configuration = endpoints.createDefaultConfiguration();
    configuration.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
    endpoints.setConfiguration(configuration);
    endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", plainPort), Protocol.COAP);
    endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", securePort), Protocol.COAPS);
    LeshanServerBuilder builder = new LeshanServerBuilder();
    builder.setObjectModelProvider(new VersionedModelProvider(known));
    builder.setSecurityStore(keys);
    builder.setEndpointsProviders(endpoints.build());
    server = builder.build();
  }

  static synchronized void say(Object... pairs) {
    ObjectNode line = JSON.createObjectNode();
    for (int i = 0; i < pairs.length; i += 2) {
      line.set((String) pairs[i], JSON.valueToTree(pairs[i + 1]));
    }
    System.out.println(line);
    System.out.flush();
  }

  private void listen() {
    server.getRegistrationService().addListener(new RegistrationListener() {
      @Override
      public void registered(Registration now, Registration before, Collection<Observation> ended) {
        say("event", "registered", "ep", now.getEndpoint(), "version", String.valueOf(now.getLwM2mVersion()),
            "lifetime", now.getLifeTimeInSec(), "binding", String.valueOf(now.getBindingMode()),
            "queue", now.usesQueueMode(), "links", Arrays.toString(now.getObjectLinks()),
            "transport", String.valueOf(now.getClientTransportData().getIdentity()));
      }

      @Override
      public void updated(RegistrationUpdate update, Registration now, Registration before) {
        say("event", "updated", "ep", now.getEndpoint(), "lifetime", now.getLifeTimeInSec(),
            "binding", String.valueOf(now.getBindingMode()), "queue", now.usesQueueMode());
      }

      @Override
      public void unregistered(Registration gone, Collection<Observation> ended, boolean expired, Registration next) {
        if (next == null) {
          say("event", "unregistered", "ep", gone.getEndpoint(), "expired", expired);
        }
      }
    });
    server.getObservationService().addListener(new ObservationListener() {
      @Override
      public void newObservation(Observation observation, Registration registration) {}

      @Override
      public void cancelled(Observation observation) {}

      @Override
      public void onResponse(SingleObservation observation, Registration registration, ObserveResponse response) {
        say("event", "notified", "path", observation.getPath().toString(), "code", response.getCode().toString(),
            "value", value(response.getContent()));
      }

      @Override
      public void onResponse(
          CompositeObservation observation, Registration registration, ObserveCompositeResponse response) {}

      @Override
      public void onError(Observation observation, Registration registration, Exception error) {
        say("event", "notification_error", "error", String.valueOf(error));
      }
    });
    if (server.getPresenceService() != null) {
      server.getPresenceService().addListener(new PresenceListener() {
        @Override
        public void onSleeping(Registration registration) {
          say("event", "sleeping", "ep", registration.getEndpoint());
        }

        @Override
        public void onAwake(Registration registration) {
          say("event", "awake", "ep", registration.getEndpoint());
        }
      });
    }
  }

  /** A node as JSON: values by id; octets as "hex:...". */
  static Object value(LwM2mNode node) {
    if (node instanceof LwM2mSingleResource) {
      return plain(((LwM2mSingleResource) node).getValue());
    }
    Map<String, Object> inner = new TreeMap<>();
    if (node instanceof LwM2mResource) {
      for (LwM2mResourceInstance each : ((LwM2mResource) node).getInstances().values()) {
        inner.put(String.valueOf(each.getId()), plain(each.getValue()));
      }
    } else if (node instanceof LwM2mObjectInstance) {
      for (LwM2mResource each : ((LwM2mObjectInstance) node).getResources().values()) {
        inner.put(String.valueOf(each.getId()), value(each));
      }
    } else if (node instanceof LwM2mObject) {
      for (LwM2mObjectInstance each : ((LwM2mObject) node).getInstances().values()) {
        inner.put(String.valueOf(each.getId()), value(each));
      }
    }
    return inner;
  }

  private static Object plain(Object value) {
    if (value instanceof byte[]) {
      return "hex:" + Hex.encodeHexString((byte[]) value);
    }
    return value instanceof Number || value instanceof Boolean ? value : String.valueOf(value);
  }

  private static ContentFormat format(JsonNode command) {
    return command.has("ct") ? ContentFormat.fromCode(command.get("ct").asInt()) : null;
  }

  /** A resource of the type that the command says; lacking one, of the JSON value's own. */
  private static LwM2mSingleResource resource(int id, JsonNode given) {
    if (given.has("hex")) {
      return LwM2mSingleResource.newBinaryResource(id, Hex.decodeHex(given.get("hex").asText().toCharArray()));
    }
    JsonNode value = given.has("value") ? given.get("value") : given;
    if (value.isInt() || value.isLong()) {
      return LwM2mSingleResource.newIntegerResource(id, value.asLong());
    }
    return value.isBoolean()
        ? LwM2mSingleResource.newBooleanResource(id, value.asBoolean())
        : LwM2mSingleResource.newStringResource(id, value.asText());
  }

  private static List<LwM2mResource> resources(JsonNode given) {
    List<LwM2mResource> made = new ArrayList<>();
    given.fields().forEachRemaining(entry -> made.add(resource(Integer.parseInt(entry.getKey()), entry.getValue())));
    return made;
  }

  private static DownlinkDeviceManagementRequest<? extends LwM2mResponse> write(JsonNode command, LwM2mPath path) {
    WriteRequest.Mode mode = WriteRequest.Mode.valueOf(command.path("mode").asText("REPLACE"));
    if (path.isResource()) {
      return new WriteRequest(mode, format(command), path, resource(path.getResourceId(), command));
    }
    return new WriteRequest(
        mode, format(command), path.getObjectId(), path.getObjectInstanceId(), resources(command.get("values")));
  }

  private DownlinkDeviceManagementRequest<? extends LwM2mResponse> request(JsonNode command, Registration to) {
    String path = command.path("path").asText();
    switch (command.get("op").asText()) {
      case "read":
        return new ReadRequest(format(command), path);
      case "observe":
        return new ObserveRequest(format(command), path);
      case "cancel":
        for (Observation each : server.getObservationService().getObservations(to)) {
          if (each instanceof SingleObservation && ((SingleObservation) each).getPath().toString().equals(path)) {
            return new CancelObservationRequest((SingleObservation) each);
          }
        }
        throw new IllegalStateException("nothing observes " + path);
      case "discover":
        return new DiscoverRequest(path);
      case "execute":
        return new ExecuteRequest(path, command.has("arguments") ? command.get("arguments").asText() : null);
      case "attributes":
        return new WriteAttributesRequest(path, attributes(command.get("query").asText()));
      case "create":
        return new CreateRequest(format(command), path, resources(command.get("values")));
      case "delete":
        return new DeleteRequest(path);
      case "write":
        return write(command, new LwM2mPath(path));
      default:
        throw new IllegalArgumentException("no such operation");
    }
  }

  private static LwM2mAttributeSet attributes(String query) {
    try {
      return new LwM2mAttributeSet(new DefaultLwM2mAttributeParser().parseUriQuery(query));
    } catch (Exception error) {
      throw new IllegalArgumentException(error);
    }
  }

  private void obey(JsonNode command) throws Exception {
    String op = command.get("op").asText();
    if (op.equals("psk")) {
      byte[] key = Hex.decodeHex(command.get("key").asText().toCharArray());
      keys.add(SecurityInfo.newPreSharedKeyInfo(command.get("ep").asText(), command.get("identity").asText(), key));
      say("id", command.get("id"), "code", "ok");
      return;
    }
    if (op.equals("forget_key")) {
      keys.remove(command.get("ep").asText(), true);
      say("id", command.get("id"), "code", "ok");
      return;
    }
    Registration to = server.getRegistrationService().getByEndpoint(command.get("ep").asText());
    if (to == null) {
      say("id", command.get("id"), "code", "not registered");
      return;
    }
    if (op.equals("forget_observations")) {
      int ended = server.getObservationService().cancelObservations(to, command.get("path").asText());
      say("id", command.get("id"), "code", "ok", "value", ended);
      return;
    }
    LwM2mResponse answer = server.send(to, request(command, to), command.path("timeout").asLong(20000));
    Object shown = null;
    if (answer instanceof DiscoverResponse && answer.isSuccess()) {
      shown = Arrays.toString(((DiscoverResponse) answer).getObjectLinks());
    } else if (answer instanceof ReadResponse && answer.isSuccess()) {
      shown = value(((ReadResponse) answer).getContent());
    }
    say("id", command.get("id"), "code", answer == null ? "timeout" : String.valueOf(answer.getCode().getCode()),
        "value", shown);
  }

  /** Starts the server and obeys until standard input ends. */
  public static void main(String[] arguments) throws Exception {
    Harness harness =
        new Harness(Integer.parseInt(arguments[0]), Integer.parseInt(arguments[1]), new File(arguments[2]));
    harness.listen();
    harness.server.start();
    say("event", "ready");
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      JsonNode command = JSON.readTree(line);
      try {
        harness.obey(command);
      } catch (Exception error) {
        say("id", command.get("id"), "code", "exception", "value", String.valueOf(error));
      }
    }
    harness.server.destroy();
    System.exit(0);
  }
}
