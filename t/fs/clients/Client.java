// SPDX-License-Identifier: BSD-2-Clause
// Client.java - what Tomcat does with sessions that its FileStore keeps: DIRECTORY VERB ARGUMENT...
import java.io.IOException;
import java.util.Arrays;

import org.apache.catalina.LifecycleException;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.core.StandardEngine;
import org.apache.catalina.core.StandardHost;
import org.apache.catalina.session.FileStore;
import org.apache.catalina.session.PersistentManager;
import org.apache.catalina.session.StandardSession;

public class Client {
	private final PersistentManager manager = new PersistentManager();
	private final FileStore store = new FileStore();
	private final int lifetime = Integer.parseInt(System.getenv("LIFETIME"));

	Client(String directory) throws LifecycleException {
		StandardEngine engine = new StandardEngine();
		StandardHost host = new StandardHost();
		StandardContext context = new StandardContext();

		engine.setName("engine");
		host.setName("localhost");
		context.setPath("/test");
		context.setName("/test");
		engine.addChild(host);
		host.addChild(context);
		manager.setContext(context);
		store.setManager(manager);
		store.setDirectory(directory);
		store.start();
	}

	private String create(String value) throws IOException {
		StandardSession s = (StandardSession)manager.createEmptySession();

		s.setValid(true);
		s.setCreationTime(System.currentTimeMillis());
		s.setMaxInactiveInterval(lifetime);
		s.setId(new org.apache.catalina.util.StandardSessionIdGenerator().generateSessionId(), false);
		return keep(s, value);
	}

	private String keep(StandardSession s, String value) throws IOException {
		s.setAttribute("v", value, false);
		store.save(s);
		return s.getIdInternal();
	}

	// A request finds its session when its time is not over.
	private StandardSession find(String id) throws IOException, ClassNotFoundException {
		StandardSession s = (StandardSession)store.load(id);

		if (s == null || !s.isValid())
			return null;
		s.access();
		s.endAccess();
		return s;
	}

	private String count(String id, int n) throws IOException, ClassNotFoundException {
		for (int i = 0; i < n; i++) {
			StandardSession s = find(id);
			Integer before = (Integer)s.getAttribute("n");

			s.setAttribute("n", before == null ? 1 : before + 1, false);
			store.save(s);
		}
		return "ok";
	}

	private String regenerate(StandardSession s) throws IOException {
		String value = (String)s.getAttribute("v");

		store.remove(s.getIdInternal());
		return create(value);
	}

	private String run(String verb, String[] rest) throws IOException, ClassNotFoundException {
		StandardSession s;

		switch (verb) {
		case "create":
			return create(rest[0]);
		case "count":
			return count(rest[0], Integer.parseInt(rest[1]));
		case "collect":
			store.processExpires();
			return "ok";
		case "destroy":
			s = find(rest[0]);
			if (s == null)
				return "none";
			store.remove(rest[0]);
			return "ok";
		default:
			s = find(rest[0]);
		}
		if (s == null)
			return "none";
		switch (verb) {
		case "load":
			return (String)s.getAttribute("v");
		case "counted":
			return String.valueOf(s.getAttribute("n"));
		case "update":
			keep(s, rest[1]);
			return "ok";
		case "touch":
			store.save(s);
			return "ok";
		case "regenerate":
			return regenerate(s);
		default:
			return "no such verb";
		}
	}

	public static void main(String[] args) {
		java.util.logging.LogManager.getLogManager().reset();
		try {
			System.out.println(new Client(args[0]).run(args[1], Arrays.copyOfRange(args, 2, args.length)));
		} catch (Exception e) {
			System.out.println(e);
		}
		System.exit(0);
	}
}
